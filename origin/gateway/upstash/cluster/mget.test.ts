import { expect, it } from 'vitest'
import { firstIdAt } from '#core/ids.ts'
import { commandSlot } from '#core/redis-slots.ts'
import { readCounts } from '#core/timeline/index.ts'
import { badRequest } from '../errors.ts'
import type { Command } from '../resp.ts'
import { errorEntry } from './entries.ts'
import { splitSpreadReads } from './mget.ts'

const posts = [firstIdAt(1_764_000_000_000), firstIdAt(1_764_000_000_001)]
const given = [['GET', 'before'], readCounts(posts), ['MGET', 'a{1}', 'b{1}']] as Command[]
const result = (json: string) => Buffer.from(`{"result":${json}}`)
const before = result('"x"')
const after = result('[null,null]')

it("a feed's counts are read key by key, and are one array again; what one node has is left as it is", () => {
  const { commands, join } = splitSpreadReads(given)
  expect(commands.map(commandSlot)).not.toContain('several')
  expect(commands).toEqual([['GET', 'before'], ...posts.map((post) => ['GET', `counts:${post}`]), given[2]])
  const joined = join([before, result('"3:1"'), result('null'), after])
  expect(joined.map(String)).toEqual([before, result('["3:1",null]'), after].map(String))
})

it('what is no string counts as absent; where one node gives no answer, the array has none', () => {
  const { join } = splitSpreadReads(given)
  const wrong = errorEntry('WRONGTYPE Operation against a key holding the wrong kind of value')
  expect(String(join([before, wrong, result('"2:0"'), after])[1])).toBe('{"result":[null,"2:0"]}')
  const away = badRequest('ERR nobody answers')
  expect(join([before, result('"3:1"'), away, after])).toEqual([before, away, after])
})
