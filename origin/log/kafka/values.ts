/** A record's value. What is no JSON stays text, which is no event that anybody knows. */
export function parseValue(value: string | null): unknown {
  try {
    return JSON.parse(value ?? 'null')
  } catch {
    return value
  }
}
