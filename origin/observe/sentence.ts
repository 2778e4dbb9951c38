/** What went wrong, in words for whoever started a process or reads its log: a stack would hide them. */
import { DrizzleQueryError } from 'drizzle-orm/errors'

/** An error with its causes; of a connection that was tried at several addresses, each of them. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map(sentenceOf))].join('; ')
  }
  const said = withoutValues(error.message) || error.name
  return error.cause instanceof Error ? `${said}: ${sentenceOf(error.cause)}` : said
}

/** An outage with its causes, without the statement that met it: that has no part in it, and may be a page long. */
export function sentenceOfOutage(error: Error): string {
  const said: string[] = []
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (e instanceof DrizzleQueryError) continue
    said.push(e instanceof AggregateError ? sentenceOf(e) : e.message || e.name)
  }
  // A cause is often worded as what it has led to.
  return [...new Set(said)].map((each, i, { length }) => (i < length - 1 ? each.replace(/\.$/, '') : each)).join(': ')
}

/**
 * An error's message or stack without what the statement was given: addresses, texts, hashes of passwords. Drizzle ends its
 * message by a line of parameters, which may hold line ends of their own; what follows is the stack.
 */
export function withoutValues(text: string): string {
  return text.replace(/\nparams: [\s\S]*?(?=\n {4}at |$)/, '')
}
