/** What a theme of the suite gets: the running system, and people of its own. */
import { LOGICAL_SHARDS } from '#core/ids.ts'
import { ownerOf, shardOwners } from '#core/shard-map.ts'
import { makePeople, type Person } from './person.ts'
import type { System } from './system.ts'
import { until } from './until.ts'

/** A tuple of that many. */
export type People<N extends number, P extends Person[] = []> = P['length'] extends N ? P : People<N, [...P, Person]>

export interface Stage {
  readonly system: System
  people<N extends number>(count: N): Promise<People<N>>
  /** Follows, and waits until the origin has them: the inverse row is what fan-out reads. */
  followed(author: Person, ...readers: Person[]): Promise<void>
  /** Runs in every database; their rows one after the other. */
  sql<T>(text: string, ...values: unknown[]): Promise<T[]>
  /** Runs where a person's rows are. */
  sqlOf<T>(person: { id: string }, text: string, ...values: unknown[]): Promise<T[]>
  redis(...command: [string, ...(string | number)[]]): Promise<unknown>
}

let groups = 0

export function stageOf(system: System): Stage {
  const { origin } = system
  const address = {
    url: `http://127.0.0.1:${origin.port}`,
    serviceToken: origin.config.secrets.SERVICE_TOKEN,
  }
  const { pools } = origin.engines
  const owners = shardOwners(origin.config.databases ?? [{ ranges: [{ first: 0, last: LOGICAL_SHARDS - 1 }] }])
  const sql = async <T>(text: string, ...values: unknown[]) =>
    (await Promise.all(pools.map((pool) => pool.query(text, values)))).flatMap(({ rows }) => rows as T[])
  return {
    system,
    people: async <N extends number>(count: N) =>
      (await makePeople(address, system.fetch, `group${groups++}.`, count)) as People<N>,
    async followed(author, ...readers) {
      await Promise.all(readers.map((reader) => reader.follow(author)))
      const ids = readers.map((reader) => reader.id)
      await until('the follows have reached the origin', async () => {
        const rows = await sql(
          `SELECT 1 FROM followers WHERE followee_id = $1 AND follower_id = ANY ($2) AND state = 'active'`,
          author.id,
          ids,
        )
        return rows.length === ids.length
      })
    },
    sql,
    sqlOf: async <T>({ id }: { id: string }, text: string, ...values: unknown[]) =>
      (await (pools[ownerOf(owners, id)] ?? pools[0]).query(text, values)).rows as T[],
    async redis(...command) {
      const [reply] = await origin.engines.redis.pipeline([command])
      return reply
    },
  }
}

/** Reads a feed until it has these posts. */
export const untilFeedHas = (reader: Person, ...posts: { id: string }[]) =>
  until(`the feed of ${reader.username} has the post`, async () => {
    const ids = await reader.feedIds()
    return posts.every(({ id }) => ids.includes(id))
  })

/** Reads until the timeline stands in Redis, marked. */
export async function warm(stage: Stage, ...readers: Person[]): Promise<void> {
  for (const reader of readers) {
    await until('the timeline is warm', async () => {
      await reader.feed()
      return (await stage.redis('ZSCORE', `timeline:{${reader.id}}`, '~')) !== null
    })
  }
}
