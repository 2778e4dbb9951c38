import { globMatches } from './glob.ts'
import { integerArg } from './numbers.ts'
import { errors } from './reply.ts'

/** One page never holds less than this share of the collection: a sweep then takes at most so many passes over it. */
const MAX_PASSES = 256
/** Collections up to this size come whole, as compactly encoded ones do from the real server. */
const WHOLE_COLLECTION = 128

export interface ScanOptions {
  readonly cursor: number
  readonly match: string | undefined
  readonly count: number
  readonly type: string | undefined
}

/** Reads `cursor [MATCH p] [COUNT n] [TYPE t]` from argv at `from`. */
export function scanOptions(argv: readonly string[], from: number, withType = false): ScanOptions {
  const cursor = cursorArg(argv[from]!)
  let match: string | undefined
  let type: string | undefined
  let count = 10
  for (let i = from + 1; i < argv.length; i += 2) {
    const option = argv[i]!.toLowerCase()
    const value = argv[i + 1]
    if (value === undefined) throw errors.syntax()
    if (option === 'match') match = value
    else if (option === 'count') {
      count = integerArg(value)
      if (count < 1) throw errors.syntax()
    } else if (option === 'type' && withType) type = value.toLowerCase()
    else throw errors.syntax()
  }
  return { cursor, match, count, type }
}

export function cursorArg(text: string): number {
  if (!/^[0-9]{1,20}$/.test(text)) throw errors.invalidCursor()
  return Number(text)
}

/**
 * One page of a cursor walk.
 *
 * The cursor is a position in the order of the elements' hashes, so the server keeps no state and an element that stays through the whole
 * sweep is returned whatever else comes and goes. Elements with equal hashes travel together.
 */
export function scanPage(
  elements: Iterable<string>,
  size: number,
  options: ScanOptions,
  whole = WHOLE_COLLECTION,
): { cursor: number; page: string[] } {
  const wanted = Math.max(options.count, Math.ceil(size / MAX_PASSES))
  if (options.cursor === 0 && size <= Math.max(wanted, whole)) {
    return { cursor: 0, page: matching([...elements], options.match) }
  }
  const rest: [hash: number, element: string][] = []
  for (const element of elements) {
    const hash = hashOf(element)
    if (hash >= options.cursor) rest.push([hash, element])
  }
  rest.sort((a, b) => a[0] - b[0])
  let end = Math.min(wanted, rest.length)
  while (end > 0 && end < rest.length && rest[end]![0] === rest[end - 1]![0]) end++
  const cursor = end < rest.length ? rest[end]![0] : 0
  return {
    cursor,
    page: matching(
      rest.slice(0, end).map(([, element]) => element),
      options.match,
    ),
  }
}

function matching(elements: string[], pattern: string | undefined): string[] {
  return pattern === undefined ? elements : elements.filter((element) => globMatches(pattern, element))
}

/** FNV-1a with a final mix, 32 bits, never 0 (0 ends a sweep). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x85ebca6b) >>> 0 || 1
}
