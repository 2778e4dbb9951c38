type Calls = Record<string, (...args: never[]) => Promise<unknown>>

/** A port of which every call goes through `around`. */
export function wrapped<T extends object>(port: T, around: (call: () => Promise<unknown>) => Promise<unknown>): T {
  const calls = Object.entries(port as Calls).map(([name, call]) => [
    name,
    (...args: never[]) => around(() => call(...args)),
  ])
  return Object.fromEntries(calls) as T
}
