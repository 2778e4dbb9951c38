/**
 * Appends that arrive while another append is under way go together in the next statement: under load the log costs one
 * round trip and one commit for many callers, without any wait when it is idle.
 */
import type { Head, NewMessage } from '#drizzle/queries/log.ts'

interface Waiting {
  messages: readonly NewMessage[]
  resolve(): void
  reject(error: unknown): void
}

/** One statement carries at most this many messages, unless a single call brings more. */
const MESSAGES_PER_STATEMENT = 500

export interface GroupCommit {
  /** Resolves when the messages are durable. Fails alone when they are at fault, with all others when the database is. */
  append(messages: readonly NewMessage[]): Promise<void>
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>
}

/**
 * @param write appends in one transaction and answers the new ends of the partitions
 * @param appended hears of every append, for example to wake readers
 * @param isOwnFault whether an error is the messages' own fault, so that the others deserve a second try
 */
export function createGroupCommit(
  write: (messages: readonly NewMessage[]) => Promise<Head[]>,
  appended: (heads: readonly Head[]) => void,
  isOwnFault: (error: unknown) => boolean,
): GroupCommit {
  const waiting: Waiting[] = []
  let running: Promise<void> | null = null

  async function writeTogether(calls: readonly Waiting[]): Promise<void> {
    try {
      appended(await write(calls.flatMap((call) => call.messages)))
    } catch (error) {
      if (calls.length === 1 || !isOwnFault(error)) for (const call of calls) call.reject(error)
      else for (const call of calls) await writeTogether([call])
      return
    }
    for (const call of calls) call.resolve()
  }

  function next(): Waiting[] {
    let messages = 0
    let calls = 0
    while (calls < waiting.length && (calls === 0 || messages < MESSAGES_PER_STATEMENT)) {
      messages += waiting[calls++]!.messages.length
    }
    return waiting.splice(0, calls)
  }

  async function run(): Promise<void> {
    // Callers of the same turn of the event loop go together from the start.
    await Promise.resolve()
    while (waiting.length > 0) await writeTogether(next())
    running = null
  }

  return {
    append(messages) {
      if (messages.length === 0) return Promise.resolve()
      return new Promise((resolve, reject) => {
        waiting.push({ messages, resolve, reject })
        running ??= run()
      })
    },
    idle: async () => {
      await running
    },
  }
}
