import { expect, test } from 'vitest'
import { IdSet } from '../id-set.ts'
import type { Reply } from '../redis.ts'
import { parseViewer } from './index.ts'
import { NOW } from './testing.ts'

/** What a pipeline says of somebody's likes: the newest members, the last one with its score, the mark. */
const likes = (members: string[], last: Reply, mark: string | null) =>
  parseViewer([[], [], members, last, mark], NOW).liked

test('likes that are all there reach back to the mark', () => {
  expect(likes(['30', '20', '~'], [], '500')).toEqual({ posts: IdSet.of(['30', '20']), wholeFromMs: 500 })
  expect(likes(['30'], [], null)).toEqual({ posts: IdSet.of(['30']), wholeFromMs: Number.POSITIVE_INFINITY })
  expect(parseViewer([], NOW).liked).toEqual({ posts: new IdSet(0), wholeFromMs: Number.POSITIVE_INFINITY })
})

test('likes that were cut off are whole from behind the last one', () => {
  expect(likes(['30', '20'], ['20', '700'], '500').wholeFromMs).toBe(701)
  expect(likes(['30', '20'], ['20', '700'], '900').wholeFromMs).toBe(900)
})

test('where a like was taken back while they were read, each post that is not among them is asked for', () => {
  expect(likes(['30', '20'], ['10', '600'], '500').wholeFromMs).toBe(NOW)
})
