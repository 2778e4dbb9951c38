import type { Random } from '#core/ids.ts'
import { errors, type Reply } from '../reply.ts'
import { cursorArg, scanOptions, scanPage } from '../scan.ts'
import { randomPicks } from './random-picks.ts'

/** Names with a value each: a hash's fields, a sorted set's members with their scores. */
export interface Pairs {
  readonly size: number
  names(): Iterable<string>
  value(name: string): string
}

/** HSCAN and ZSCAN. @param find looks the key up, once the cursor is known to be one */
export function scanPairs(argv: readonly string[], find: () => Pairs | undefined): Reply {
  cursorArg(argv[2]!)
  const pairs = find()
  if (!pairs) return ['0', []]
  const { cursor, page } = scanPage(pairs.names(), pairs.size, scanOptions(argv, 2))
  return [String(cursor), withValues(page, pairs)]
}

/**
 * HRANDFIELD and ZRANDMEMBER.
 * @param option asks for the values, too: WITHVALUES or WITHSCORES, in lower case
 * @param find looks the key up, once the arguments are known to be right
 */
export function randomPairs(
  argv: readonly string[],
  option: string,
  find: () => Pairs | undefined,
  random: Random,
): Reply {
  const inPairs = argv[3] !== undefined
  const count = argv[2] === undefined ? undefined : randomPicks.countArg(argv[2], inPairs)
  if (inPairs && (argv[3]!.toLowerCase() !== option || argv.length > 4)) throw errors.syntax()
  const pairs = find()
  if (!pairs) return count === undefined ? null : []
  const names = randomPicks.pick(pairs.names(), pairs.size, count, random)
  if (count === undefined) return names[0]!
  return inPairs ? withValues(names, pairs) : names
}

function withValues(names: readonly string[], pairs: Pairs): string[] {
  return names.flatMap((name) => [name, pairs.value(name)])
}
