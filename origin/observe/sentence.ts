/** What went wrong, in words for whoever started a process: a stack would hide them. */

/** An error with its causes; of a connection that was tried at several addresses, each of them. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map(sentenceOf))].join('; ')
  }
  const said = withoutValues(error.message) || error.name
  return error.cause instanceof Error ? `${said}: ${sentenceOf(error.cause)}` : said
}

/**
 * An error's message or stack without what the statement was given: addresses, texts, hashes of passwords. Drizzle ends its
 * message by a line of parameters, which may hold line ends of their own; what follows is the stack.
 */
export function withoutValues(text: string): string {
  return text.replace(/\nparams: [\s\S]*?(?=\n {4}at |$)/, '')
}
