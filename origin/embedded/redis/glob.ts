/** Patterns kept compiled: KEYS, SCAN and PSUBSCRIBE come with few distinct ones. */
const compiled = new Map<string, RegExp>()
const MAX_COMPILED = 256

/** Does `text` match the server's glob (`*`, `?`, `[a-z]`, `[^x]`, `\` escapes)? Backtracking is the regular expression engine's. */
export function globMatches(pattern: string, text: string): boolean {
  if (pattern === '*') return true
  let expression = compiled.get(pattern)
  if (!expression) {
    if (compiled.size >= MAX_COMPILED) compiled.clear()
    expression = toRegExp(pattern)
    compiled.set(pattern, expression)
  }
  return expression.test(text)
}

function toRegExp(pattern: string): RegExp {
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!
    if (char === '*') {
      if (pattern[i - 1] !== '*' || pattern[i - 2] === '\\') source += '.*'
    } else if (char === '?') source += '.'
    else if (char === '[') {
      const [set, next] = characterSet(pattern, i + 1)
      source += set
      i = next
    } else if (char === '\\' && i + 1 < pattern.length) source += literal(pattern[++i]!)
    else source += literal(char)
  }
  return new RegExp(`^${source}$`, 's')
}

function literal(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
}

/** The set that starts after `[` at `from`; an unclosed one ends with the pattern, as in the server. */
function characterSet(pattern: string, from: number): [source: string, end: number] {
  let i = from
  const negated = pattern[i] === '^'
  if (negated) i++
  let body = ''
  for (; i < pattern.length && pattern[i] !== ']'; i++) {
    if (pattern[i] === '\\' && i + 1 < pattern.length) body += literal(pattern[++i]!)
    else if (pattern[i + 1] === '-' && i + 2 < pattern.length) {
      const [low, high] = [pattern[i]!, pattern[i + 2]!].sort()
      body += `${literal(low!)}-${literal(high!)}`
      i += 2
    } else body += literal(pattern[i]!)
  }
  if (body === '') return [negated ? '.' : '(?!)', i]
  return [`[${negated ? '^' : ''}${body}]`, i]
}
