/** Names the attempts at a write, so that a second one after a failure, with the same content, has its effect once. */
export function createAttempts(makeKey: () => string = () => crypto.randomUUID()): (body: unknown) => string {
  let last = { body: '', key: '' }
  return (body) => {
    const text = JSON.stringify(body)
    if (last.key === '' || last.body !== text) last = { body: text, key: makeKey() }
    return last.key
  }
}
