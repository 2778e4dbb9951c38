/** celebs:registry: which authors are pulled, as readers and isolates need it. The truth is author_modes in Postgres. */
import type { Id } from '../ids.ts'
import { keys, SENTINEL } from '../keys.ts'
import { type Command, type Reply, scored } from '../redis.ts'

/** push: into timelines. pull: merged at read time. both: while an author crosses from one to the other. */
export type AuthorMode = 'push' | 'both' | 'pull'

export const SCORE_OF: Record<Exclude<AuthorMode, 'push'>, number> = { both: 1, pull: 2 }

/** KEYS: registry. ARGV: author, score (0 = leaves). Changes the author and raises the registry's version. */
const SET_SCRIPT = `
if ARGV[2] == '0' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
return redis.call('ZINCRBY', KEYS[1], 1, '~')`

export const setMode = (author: Id, mode: AuthorMode): Command => [
  'EVAL',
  SET_SCRIPT,
  1,
  keys.registry(),
  author,
  mode === 'push' ? 0 : SCORE_OF[mode],
]

export const readRegistry = (): Command => ['ZRANGE', keys.registry(), 0, -1, 'WITHSCORES']

export interface Registry {
  version: number
  authors: ReadonlyMap<Id, 'both' | 'pull'>
}

/** Null when Redis does not know. */
export function parseRegistry(reply: Reply | undefined): Registry | null {
  let version: number | null = null
  const authors = new Map<Id, 'both' | 'pull'>()
  for (const [member, score] of scored(reply)) {
    if (member === SENTINEL) version = score
    else authors.set(member, score === SCORE_OF.both ? 'both' : 'pull')
  }
  return version === null ? null : { version, authors }
}
