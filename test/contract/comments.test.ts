/** What every engagement store must do with comments; engines are those of engagement-engines.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createIdFactory } from '#core/ids.ts'
import type { EngagementStore } from '../../origin/engagement/index.ts'
import { type EngagementEngine, engagementEngines } from './engagement-engines.ts'

const ids = createIdFactory(Date.now, () => 0)
const newId = () => ids.next(7)

type Page = { items: { commentId: string }[]; next: string | null }

/** Reads to the end. @param meanwhile done between two pages */
async function walk(read: (after: string | null) => Promise<Page>, meanwhile: () => Promise<unknown> = async () => {}) {
  const met: string[] = []
  let pages = 0
  let after: string | null = null
  do {
    const page: Page = await read(after)
    pages++
    met.push(...page.items.map(({ commentId }) => commentId))
    after = page.next
    await meanwhile()
  } while (after !== null)
  return { met, pages }
}

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
    expect((await store.topComments(post, 10, null)).items.map(({ body }) => body)).toEqual(bodies.reverse())
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
    const meanwhile = () => say(post)
    expect((await walk((before) => store.topComments(post, 2, before), meanwhile)).met).toEqual(
      top.filter((_, i) => ![0, 3, 4, 5].includes(i)),
    )
    expect((await walk((after) => store.replies(post, parent, 3, after), meanwhile)).met).toEqual(
      replies.filter((_, i) => ![2, 3, 11].includes(i)),
    )
  })

  test('comments come newest first, replies oldest first, page by page', async () => {
    const post = newId()
    const top = []
    for (let i = 0; i < 3; i++) top.unshift((await say(post)).comment.commentId)
    const replies = []
    for (let i = 0; i < 3; i++) replies.push((await say(post, { parentId: top[0]! })).comment.commentId)
    const idsOf = ({ items }: Page) => items.map((comment) => comment.commentId)
    const last = async (page: Promise<Page>) => (await page).next
    expect(await last(store.topComments(post, 3, null))).toBeNull()
    expect(await last(store.replies(post, top[0]!, 3, null))).toBeNull()
    expect(await last(store.topComments(post, 2, null))).toBe(top[1])
    expect(await last(store.replies(post, top[0]!, 2, null))).toBe(replies[1])
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
    const shown = async () => (await store.topComments(post, 10, null)).items.map(({ hasReplies }) => hasReplies)
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
    expect(await store.topComments(post, 10, null)).toMatchObject({
      items: [{ deleted: true, body: '', hasReplies: true }],
      next: null,
    })
    await store.removeComment(post, reply.commentId)
    expect(await store.topComments(post, 10, null)).toEqual({ items: [], next: null })
    expect((await store.count(post)).comments).toBe(0)
    expect(await store.removeComment(post, newId())).toEqual({ changed: false })
  })

  test('a comment that was forestalled is not added, and is deleted already', async () => {
    const [post, commentId] = [newId(), newId()]
    const forestall = (userId = '1') => store.forestallComment({ postId: post, commentId, userId, createdMs: 1_000 })
    for (let i = 0; i < 2; i++) expect(await forestall()).toMatchObject({ commentId, userId: '1', deleted: true })
    const parentId = (await say(post)).comment.commentId
    const tombstone = { userId: '1', body: '', deleted: true }
    for (const over of [{}, { parentId }, { userId: '2' }]) {
      expect(await say(post, { commentId, ...over })).toMatchObject({ added: false, comment: tombstone })
    }
    expect(await store.comment(post, commentId)).toMatchObject(tombstone)
    expect(await forestall('3')).toMatchObject(tombstone)
    expect(await store.removeComment(post, commentId)).toEqual({ changed: false })
    expect(await store.editComment({ postId: post, commentId, body: 'risen', at: 9_000 })).toMatchObject({
      changed: false,
      comment: tombstone,
    })
    expect((await store.topComments(post, 10, null)).items).toMatchObject([{ commentId: parentId, hasReplies: false }])
    expect((await store.replies(post, parentId, 10, null)).items).toEqual([])
    expect((await store.count(post)).comments).toBe(1)
  })

  test('a comment that is first is not forestalled: whoever deletes is told of it', async () => {
    const [post, commentId] = [newId(), newId()]
    await say(post, { commentId })
    const forestall = () => store.forestallComment({ postId: post, commentId, userId: '1', createdMs: 1_000 })
    expect(await forestall()).toMatchObject({ body: 'hello', deleted: false })
    for (let round = 0; round < 5; round++) {
      const id = newId()
      const tombstone = { postId: post, commentId: id, userId: '1', createdMs: 1_000 }
      const [said, met] = await Promise.all([say(post, { commentId: id }), store.forestallComment(tombstone)])
      expect(said.comment.deleted).toBe(!said.added)
      expect(met).toEqual(said.comment)
      expect(await store.comment(post, id)).toEqual(met)
    }
  })

  test('a reply that comes while its comment is deleted is listed under it', async () => {
    const post = newId()
    const { comment } = await say(post)
    const [{ comment: reply }] = await Promise.all([
      say(post, { parentId: comment.commentId }),
      store.removeComment(post, comment.commentId),
    ])
    await store.removeComment(post, comment.commentId)
    expect((await store.topComments(post, 10, null)).items).toMatchObject([{ deleted: true, hasReplies: true }])
    expect((await store.replies(post, comment.commentId, 10, null)).items).toMatchObject([
      { commentId: reply.commentId },
    ])
  })

  describe('after hundreds of deletions', () => {
    const GONE = 500
    /** Three that stand, and 500 that are passed before them. */
    const fill = async (post: string, parentId: string | null) => {
      const made = Array.from({ length: GONE + 3 }, newId)
      const standing = parentId === null ? made.slice(0, 3).reverse() : made.slice(GONE)
      const over = parentId === null ? {} : { parentId }
      await inParts(made, (commentId) => say(post, { commentId, ...over }))
      const gone = made.filter((commentId) => !standing.includes(commentId))
      await inParts(gone, (commentId) => store.removeComment(post, commentId))
      return standing
    }
    const costs: number[] = []
    const counted = async (read: () => Promise<Page>): Promise<Page> => {
      let page: Page = { items: [], next: null }
      costs.push(
        await engine.statements(async () => {
          page = await read()
        }),
      )
      return page
    }

    test('the comments that stand are reached in a few pages, none of which costs without bound', async () => {
      const post = newId()
      const standing = await fill(post, null)
      costs.length = 0
      const { met, pages } = await walk((before) => counted(() => store.topComments(post, 3, before)))
      expect(met).toEqual(standing)
      expect(pages).toBeLessThanOrEqual(5)
      expect(Math.max(...costs)).toBeLessThanOrEqual(250)
    }, 60_000)

    test('so are replies, and the list of comments hardly notices', async () => {
      const post = newId()
      const { comment } = await say(post)
      const standing = await fill(post, comment.commentId)
      costs.length = 0
      const { met, pages } = await walk((after) => counted(() => store.replies(post, comment.commentId, 3, after)))
      expect(met).toEqual(standing)
      expect(pages).toBeLessThanOrEqual(5)
      const page = await counted(() => store.topComments(post, 3, null))
      expect(page.items).toMatchObject([{ commentId: comment.commentId, hasReplies: true }])
      expect(Math.max(...costs)).toBeLessThanOrEqual(20)
    }, 60_000)
  })
})

/** Not all at once: a small server takes its time. */
async function inParts<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < items.length; i += 20) await Promise.all(items.slice(i, i + 20).map(work))
}
