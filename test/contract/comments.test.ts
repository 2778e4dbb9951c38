/** What every engagement store must do with comments; engines are those of engagement-engines.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createIdFactory } from '#core/ids.ts'
import type { EngagementStore } from '../../origin/engagement/index.ts'
import { type EngagementEngine, engagementEngines } from './engagement-engines.ts'

const ids = createIdFactory(Date.now, () => 0)
const newId = () => ids.next(7)

describe.each(engagementEngines())('comments on $name', ({ start, absent }) => {
  if (start === null) {
    test.skip(absent, () => {})
    return
  }
  let engine: EngagementEngine
  let store: EngagementStore
  beforeAll(async () => {
    engine = await start()
    store = engine.store
  })
  afterAll(() => engine.close())

  const say = (postId: string, over: { commentId?: string; parentId?: string; userId?: string; body?: string } = {}) =>
    store.addComment({
      postId,
      commentId: newId(),
      parentId: null,
      userId: '1',
      body: 'hello',
      createdMs: 1_000,
      ...over,
    })

  test('a comment is added once under its id', async () => {
    const [post, commentId] = [newId(), newId()]
    expect(await say(post, { commentId })).toMatchObject({ added: true, comment: { body: 'hello', createdMs: 1_000 } })
    expect(await say(post, { commentId, userId: '2', body: 'other' })).toMatchObject({
      added: false,
      comment: { userId: '1', body: 'hello' },
    })
    expect((await store.count(post)).comments).toBe(1)
  })

  test('what people write is kept to the letter, to the longest comment', async () => {
    const post = newId()
    const bodies = [
      '日本語 🌊🏽 مرحبا e\u0301 \u200f\n\t"\\',
      '🌊'.repeat(1_100),
      'x'.repeat(2_200),
      '\u00e9'.repeat(2_200),
    ]
    for (const body of bodies) {
      const { comment } = await say(post, { body })
      expect((await store.comment(post, comment.commentId))?.body).toBe(body)
    }
    expect((await store.topComments(post, 10, null)).map(({ body }) => body)).toEqual(bodies.reverse())
  })

  test('an edit holds if it is newer than the last one; a deleted comment stays as it is', async () => {
    const post = newId()
    const { commentId } = (await say(post)).comment
    const edit = (body: string, at: number) => store.editComment({ postId: post, commentId, body, at })
    expect(await edit('second', 5_000)).toMatchObject({
      changed: true,
      comment: { body: 'second', editedMs: 5_000, version: 2, createdMs: 1_000 },
    })
    expect(await edit('late', 4_000)).toMatchObject({ changed: false, comment: { body: 'second', editedMs: 5_000 } })
    expect(await edit('second', 5_000)).toMatchObject({ changed: false, comment: { version: 2 } })
    const racing = await Promise.all([6_000, 7_000, 8_000, 9_000].map((at) => edit(`at ${at}`, at)))
    expect(racing.some((outcome) => outcome?.changed)).toBe(true)
    expect(await store.comment(post, commentId)).toMatchObject({ body: 'at 9000', editedMs: 9_000 })
    await store.removeComment(post, commentId)
    expect(await edit('risen', 10_000)).toMatchObject({ changed: false, comment: { deleted: true, body: '' } })
    expect(await store.editComment({ postId: post, commentId: newId(), body: 'x', at: 1 })).toBeNull()
    expect((await store.count(post)).comments).toBe(0)
  })

  test('a walk through the comments passes over what is gone and loses nothing while others write', async () => {
    const post = newId()
    const top: string[] = []
    for (let i = 0; i < 12; i++) top.unshift((await say(post)).comment.commentId)
    const parent = top[11]!
    const replies: string[] = []
    for (let i = 0; i < 12; i++) replies.push((await say(post, { parentId: parent })).comment.commentId)
    for (const gone of [top[0]!, top[3]!, top[4]!, top[5]!, replies[2]!, replies[3]!, replies[11]!]) {
      await store.removeComment(post, gone)
    }
    const walk = async (read: (after: string | null) => Promise<{ commentId: string }[]>) => {
      const met: string[] = []
      for (let after = null as string | null; ; ) {
        const page = await read(after)
        if (page.length === 0) return met
        met.push(...page.map(({ commentId }) => commentId))
        after = met.at(-1)!
        await say(post)
      }
    }
    expect(await walk((before) => store.topComments(post, 2, before))).toEqual(
      top.filter((_, i) => ![0, 3, 4, 5].includes(i)),
    )
    expect(await walk((after) => store.replies(post, parent, 3, after))).toEqual(
      replies.filter((_, i) => ![2, 3, 11].includes(i)),
    )
  })

  test('comments come newest first, replies oldest first, page by page', async () => {
    const post = newId()
    const top = []
    for (let i = 0; i < 3; i++) top.unshift((await say(post)).comment.commentId)
    const replies = []
    for (let i = 0; i < 3; i++) replies.push((await say(post, { parentId: top[0]! })).comment.commentId)
    const idsOf = (comments: { commentId: string }[]) => comments.map((comment) => comment.commentId)
    expect(idsOf(await store.topComments(post, 2, null))).toEqual(top.slice(0, 2))
    expect(idsOf(await store.topComments(post, 2, top[1]!))).toEqual(top.slice(2))
    expect(idsOf(await store.replies(post, top[0]!, 2, null))).toEqual(replies.slice(0, 2))
    expect(idsOf(await store.replies(post, top[0]!, 2, replies[1]!))).toEqual(replies.slice(2))
  })

  test('a comment at the top says whether a reply to it stands', async () => {
    const post = newId()
    const { comment: answered } = await say(post)
    await say(post)
    const { comment: reply } = await say(post, { parentId: answered.commentId })
    const shown = async () => (await store.topComments(post, 10, null)).map(({ hasReplies }) => hasReplies)
    expect(await shown()).toEqual([false, true])
    await store.removeComment(post, reply.commentId)
    expect(await shown()).toEqual([false, false])
  })

  test('a deleted comment loses its text, is deleted once, and stands only under a reply', async () => {
    const post = newId()
    const { comment } = await say(post)
    const { comment: reply } = await say(post, { parentId: comment.commentId })
    const deletions = await Promise.all([
      store.removeComment(post, comment.commentId),
      store.removeComment(post, comment.commentId),
    ])
    expect(deletions.filter((deletion) => deletion.changed)).toHaveLength(1)
    expect(await store.topComments(post, 10, null)).toMatchObject([{ deleted: true, body: '', hasReplies: true }])
    await store.removeComment(post, reply.commentId)
    expect(await store.topComments(post, 10, null)).toEqual([])
    expect((await store.count(post)).comments).toBe(0)
    expect(await store.removeComment(post, newId())).toEqual({ changed: false })
  })
})
