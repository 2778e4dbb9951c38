/** Something that dies at once and is started again. */
export interface Victim {
  readonly name: string
  kill(): Promise<void>
  /** Resolves once it serves. */
  restart(): Promise<void>
}

/** All at once; started again a few at a time, in their order. */
export const together = (name: string, victims: readonly Victim[]): Victim => ({
  name,
  kill: async () => void (await Promise.all(victims.map((each) => each.kill()))),
  restart: () => startAll(victims),
})

/** More at once only wait for one another's turn on two cores, until what they connect to seems away. */
const AT_ONCE = 3

export async function startAll(victims: readonly Victim[]): Promise<void> {
  for (let n = 0; n < victims.length; n += AT_ONCE) {
    await Promise.all(victims.slice(n, n + AT_ONCE).map((each) => each.restart()))
  }
}
