import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createIdFactory, ID_EPOCH_MS, LOGICAL_SHARDS } from './ids.ts'
import { formatRanges, ownerOf, parseShardDatabases, shardOwners } from './shard-map.ts'

const url = (i: number) => `postgres://u:p@host${i}:5432/app?sslmode=require`

test('one database owns every shard', () => {
  expect(parseShardDatabases(url(0))).toEqual([{ url: url(0), ranges: [{ first: 0, last: LOGICAL_SHARDS - 1 }] }])
})

test('databases without ranges share the shards evenly, none left over, in their order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), (count) => {
      const databases = parseShardDatabases(Array.from({ length: count }, (_, i) => url(i)).join(' , '))
      const owners = shardOwners(databases)
      expect([...owners]).toEqual([...owners].sort((a, b) => a - b))
      const sizes = databases.map((_, i) => owners.filter((owner) => owner === i).length)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }),
  )
})

test('ranges that are named are taken as they are, and written as they were read', () => {
  const databases = parseShardDatabases(`${url(0)}#0-99+4096-8191,${url(1)}#100-4095,${url(2)}#none`)
  expect(databases.map((database) => database.url)).toEqual([url(0), url(1), url(2)])
  expect(databases.map(({ ranges }) => formatRanges(ranges))).toEqual(['0-99+4096-8191', '100-4095', 'none'])
  const owners = shardOwners(databases)
  expect([0, 99, 100, 4095, 4096, 8191].map((shard) => owners[shard])).toEqual([0, 0, 1, 1, 0, 0])
})

test('an id belongs to the database of its shard', () => {
  const owners = shardOwners(parseShardDatabases(`${url(0)},${url(1)}`))
  const ids = createIdFactory(
    () => ID_EPOCH_MS + 77,
    () => 0.5,
  )
  expect([0, 4095, 4096, 8191].map((shard) => ownerOf(owners, ids.next(shard)))).toEqual([0, 0, 1, 1])
})

test.each([
  ['a gap', `${url(0)}#0-10,${url(1)}#12-8191`, /shard 11 belongs to no database/],
  ['an overlap', `${url(0)}#0-10,${url(1)}#10-8191`, /shard 10 belongs to two/],
  ['ranges for some only', `${url(0)}#0-8191,${url(1)}`, /every database says its shards or none/],
  ['a range that ends before it begins', `${url(0)}#8191-0`, /no range within/],
  ['a shard beyond the last', `${url(0)}#0-8192`, /no range within/],
  ['what is no range', `${url(0)}#all`, /"all" is no range/],
  ['no database at all', ' , ', /shard 0 belongs to no database/],
])('%s is refused, without the connection string', (_, text, sentence) => {
  expect(() => parseShardDatabases(text)).toThrow(sentence)
  expect(() => parseShardDatabases(text)).not.toThrow(/u:p@/)
})
