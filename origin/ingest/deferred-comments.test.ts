import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { firstIdAt, type Id, type IdFactory } from '#core/ids.ts'
import { type DeferredWrite, originApi } from '#core/origin-api.ts'
import { problems } from '#core/problem.ts'
import { settleIdempotent } from '#drizzle/queries/idempotency.ts'
import { keepEdit } from '#drizzle/queries/waiting-edits.ts'
import { startDatabase, type TestDatabase } from '../../test/contract/engines.ts'
import type { RequestContext } from '../internal-api.ts'
import { createDeferredComments, type DeferredCommentsOptions } from './deferred-comments.ts'

const context = { traceparent: '' } as RequestContext
const ANN = '1'
const at = (n: number): Id => String(BigInt(firstIdAt(Date.UTC(2026, 5, 1))) + BigInt(n))
let postgres: TestDatabase
/** The comments that stand: id → person, as the engagement store holds them. */
let kept: Map<Id, string>
/** Ids under which their author has deleted a comment. */
let takenBack: Set<Id>
/** What comments were edited to, by the id that the edit named. */
let edits: [Id, string][]

beforeAll(async () => {
  postgres = await startDatabase()
}, 60_000)
afterAll(() => postgres.close())
beforeEach(async () => {
  kept = new Map()
  takenBack = new Set()
  edits = []
  await postgres.pool.query('TRUNCATE idempotency_keys, comment_aliases, waiting_edits')
})

let made = 100
const ids: IdFactory = { next: () => at(made++), randomShard: () => 0 }
const isTakenBack: DeferredCommentsOptions['isTakenBack'] = async ({ commentId }) => takenBack.has(commentId)
const drain = (write: DeferredWrite, changes: Partial<DeferredCommentsOptions> = {}) =>
  createDeferredComments({
    database: postgres.database,
    ids,
    async apply(comment) {
      const { commentId, userId } = originApi['engagement.comment'].input.parse('input' in comment && comment.input)
      if ((kept.get(commentId) ?? userId) !== userId) throw problems.conflict('id-taken', 'taken')
      if (!takenBack.has(commentId)) kept.set(commentId, userId)
    },
    async edit(edit) {
      const { commentId, body } = originApi['engagement.editComment'].input.parse('input' in edit && edit.input)
      edits.push([commentId, body])
    },
    async remove(deletion) {
      const { commentId } = originApi['engagement.deleteComment'].input.parse('input' in deletion && deletion.input)
      takenBack.add(commentId)
      kept.delete(commentId)
    },
    isTakenBack,
    ...changes,
  })(write, context)

/** What a deletion does, in its order: it leaves the tombstone, then looks where the promised id leads. */
async function takeBack(promised: Id): Promise<void> {
  takenBack.add(promised)
  const leads = (await aliases()).find(({ alias }) => alias === promised)
  if (leads !== undefined) kept.delete(leads.id)
}

const comment = (commentId: Id, key?: string, requestHash = 'hash'): DeferredWrite => ({
  kind: 'engagement.comment',
  input: { commentId, postId: '7', authorId: '9', userId: ANN, parentId: null, body: 'hello' },
  ...(key === undefined ? {} : { idempotencyKey: key, requestHash }),
  traceparent: null,
})
const aliases = async () =>
  (await postgres.pool.query('SELECT alias_id::text AS alias, comment_id::text AS id FROM comment_aliases')).rows

describe('a deferred comment', () => {
  it('is kept under the id that was promised, however often it comes', async () => {
    for (const key of [undefined, 'key']) {
      for (let round = 0; round < 3; round++) await drain(comment(at(1), key))
    }
    expect([...kept.keys()]).toEqual([at(1)])
    expect(await aliases()).toEqual([])
  })

  it('is one with another try under its key that was promised another id, in any order, and late', async () => {
    await drain(comment(at(1), 'key'))
    await postgres.pool.query("UPDATE idempotency_keys SET created_at = now() - interval '40 hours'")
    for (let round = 0; round < 2; round++) await drain(comment(at(2), 'key'))
    expect([...kept.keys()]).toEqual([at(1)])
    expect(await aliases()).toEqual([{ alias: at(2), id: at(1) }])
  })

  it.each([
    ['which is kept', at(1)],
    ['which is not', at(2)],
  ])('does not stay when it was deleted under one of two ids, %s', async (_, deleted) => {
    takenBack.add(deleted)
    for (const id of [at(1), at(2), at(1)]) await drain(comment(id, 'key'))
    expect([...kept.keys()]).toEqual([])
  })

  it.each(['before', 'after'])(
    'does not stay when all of its deletion comes just %s the look for one',
    async (when) => {
      await drain(comment(at(1), 'key'))
      await drain(comment(at(2), 'key'), {
        async isTakenBack(named) {
          if (when === 'before') await takeBack(at(2))
          const isThere = await isTakenBack(named)
          if (when === 'after') await takeBack(at(2))
          return isThere
        },
      })
      expect([...kept.keys()]).toEqual([])
    },
  )

  it('is one with a try that the edge has answered', async () => {
    await drain(comment(at(1), 'key'))
    const request = { userId: ANN, key: 'key', requestHash: 'hash' }
    await postgres.database.query(settleIdempotent(request, 201, { id: at(1) }))
    await drain(comment(at(2), 'key'))
    expect([...kept.keys()]).toEqual([at(1)])
  })

  it.each([undefined, 'key'])('takes one new id when its own is somebody else’s (key: %s)', async (key) => {
    kept.set(at(1), 'somebody else')
    for (let round = 0; round < 3; round++) await drain(comment(at(1), key))
    const own = [...kept].filter(([, person]) => person === ANN).map(([id]) => id)
    expect(own).toHaveLength(1)
    expect(await aliases()).toEqual([{ alias: at(1), id: own[0] }])
  })

  it('takes one new id when its own is somebody else’s and the edge has answered with it', async () => {
    const request = { userId: ANN, key: 'key', requestHash: 'hash' }
    await drain(comment(at(1), 'key'))
    await postgres.database.query(settleIdempotent(request, 202, { id: at(1) }))
    kept.clear()
    kept.set(at(1), 'somebody else')
    for (let round = 0; round < 3; round++) await drain(comment(at(1), 'key'))
    expect([...kept.values()].filter((person) => person === ANN)).toHaveLength(1)
  })

  describe('that was edited before it came', () => {
    const waiting = (commentId: Id, body: string, edited: number, userId = ANN) =>
      postgres.database.query(keepEdit({ postId: '7', commentId, userId, body, at: edited }))

    it('is edited once, as it was edited last', async () => {
      for (const [body, edited] of [
        ['later', 2],
        ['sooner', 1],
      ] as const)
        await waiting(at(1), body, edited)
      for (let round = 0; round < 2; round++) await drain(comment(at(1)))
      expect(edits).toEqual([[at(1), 'later']])
    })

    it('is edited under the id that was promised, whichever it is kept under', async () => {
      await waiting(at(2), 'edited', 1)
      for (const id of [at(1), at(2)]) await drain(comment(id, 'key'))
      expect([...kept.keys()]).toEqual([at(1)])
      expect(edits).toEqual([[at(2), 'edited']])
    })

    it('is edited again by an edit that came while one was made', async () => {
      await waiting(at(1), 'first', 1)
      await drain(comment(at(1)), { edit: () => waiting(at(1), 'second', 2).then(() => {}) })
      await drain(comment(at(1)))
      expect(edits).toEqual([[at(1), 'second']])
    })

    it('is edited when it comes again, where the edit failed', async () => {
      await waiting(at(1), 'edited', 1)
      const edit = () => Promise.reject(problems.away('The store'))
      await expect(drain(comment(at(1)), { edit })).rejects.toMatchObject({ status: 503 })
      await drain(comment(at(1)))
      expect(edits).toEqual([[at(1), 'edited']])
    })

    it('is not edited by anybody else', async () => {
      await waiting(at(1), 'theirs', 1, '2')
      await drain(comment(at(1)))
      expect(edits).toEqual([])
    })
  })

  it('is given up when its key was used for another request', async () => {
    await drain(comment(at(1), 'key'))
    await expect(drain(comment(at(2), 'key', 'other'))).rejects.toThrow('used for another write')
    expect([...kept.keys()]).toEqual([at(1)])
  })
})
