import { setTimeout as pause } from 'node:timers/promises'

/**
 * Asks until the answer is neither false, null nor undefined, and gives it. How long it may take is generous: a suite
 * says what happens, not how fast.
 * @throws Error that names what was waited for, with the last answer of `explain`
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | false | null | undefined>,
  options: { withinMs?: number; everyMs?: number; explain?: () => unknown } = {},
): Promise<T> {
  const { withinMs = 30_000, everyMs = 25, explain } = options
  const end = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer !== false && answer !== null && answer !== undefined) return answer
    if (Date.now() > end) {
      const known = explain === undefined ? '' : `: ${JSON.stringify(explain())}`
      throw new Error(`waited ${withinMs} ms in vain until ${what}${known}`)
    }
    await pause(everyMs)
  }
}
