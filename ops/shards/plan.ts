/** `npm run shards -- plan`: who owns what, how much that is, and which moves would even it out. */
import { formatRanges } from '#core/shard-map.ts'
import { type Databases, type NamedDatabase, rangeName, single } from './databases.ts'
import { evenOut } from './evenly.ts'
import { unfinishedMove } from './record.ts'
import { SHARDED_TABLES } from './tables.ts'

interface Holding {
  people: number
  /** By the statistics of the last ANALYZE: counting posts and follows would read them all. */
  posts: number
  follows: number
  bytes: number
  peopleByShard: Map<number, number>
}

export async function tellPlan(databases: Databases, say: (text: string) => void): Promise<void> {
  const map = await databases.map()
  const holdings = await Promise.all(databases.all.map(holdingOf))
  const owned = databases.all.map(({ index }) => map.filter(({ database }) => database === index))
  for (const [i, { name }] of databases.all.entries()) {
    const { people, posts, follows, bytes } = holdings[i]!
    const shards = owned[i]!.reduce((sum, { first, last }) => sum + last - first + 1, 0)
    say(`${name}  ${shards} shards: ${formatRanges(owned[i]!)}`)
    say(`     ${people} people, about ${posts} posts and ${follows} follows, ${megabytes(bytes)} in all`)
  }
  const move = await unfinishedMove(databases)
  if (move !== null) {
    const [from, to] = [databases.all[move.source]?.name, databases.all[move.target]?.name]
    say(`\nNot finished: shards ${rangeName(move)} from ${from} to ${to}, at the step "${move.step}".`)
    say(`  npm run shards -- move --range ${rangeName(move)} --to ${to}    (or --abort, before the switch)`)
    return
  }
  const peopleIn = new Map(holdings.flatMap(({ peopleByShard }) => [...peopleByShard]))
  const proposals = evenOut(owned, (shard) => peopleIn.get(shard) ?? 0)
  if (proposals.length === 0) return say('\nThe databases are even, by people, within a twentieth.')
  say('\nTo even them out, by people, one after the other:')
  for (const { from, to, weight, ...range } of proposals) {
    const holding = holdings[from]!
    const share = holding.people === 0 ? 0 : weight / holding.people
    say(`  npm run shards -- move --range ${rangeName(range)} --to ${databases.all[to]?.name}`)
    say(`     ${weight} people and their rows, some ${megabytes(holding.bytes * share)}`)
  }
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`

async function holdingOf({ client }: NamedDatabase): Promise<Holding> {
  const estimate = (table: string) =>
    single<number>(client, 'SELECT greatest(reltuples, 0)::float8 FROM pg_class WHERE oid = $1::regclass', [table])
  const bytes = await single<string>(
    client,
    'SELECT sum(pg_total_relation_size(name::regclass))::text FROM unnest($1::text[]) AS t (name)',
    [SHARDED_TABLES.map(({ name }) => name)],
  )
  const { rows } = await client.query<{ shard: number; people: number }>(
    `SELECT ((user_id >> 10) & 8191)::int AS shard, count(*)::int AS people FROM users u
      WHERE EXISTS (SELECT 1 FROM shard_owner o WHERE o.state IN ('open', 'closing')
              AND ((u.user_id >> 10) & 8191) BETWEEN o.first_shard AND o.last_shard) GROUP BY 1`,
  )
  return {
    people: rows.reduce((sum, { people }) => sum + people, 0),
    posts: (await estimate('posts')) ?? 0,
    follows: (await estimate('follows')) ?? 0,
    bytes: Number(bytes),
    peopleByShard: new Map(rows.map(({ shard, people }) => [shard, people])),
  }
}
