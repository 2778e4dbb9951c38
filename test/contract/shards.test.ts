/** The relational statements answer alike over one database and over two, page by page; embedded, or at POSTGRES_TEST_URL. */
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareIds, createIdFactory, type Id, idShard } from '#core/ids.ts'
import { boardPosts, createBoard, savePost } from '#drizzle/queries/boards.ts'
import { applyFollow, changeMode } from '#drizzle/queries/fanout.ts'
import { followedCelebrities, followedPosts, hiddenAuthors, postsByIds, usersByIds } from '#drizzle/queries/feed.ts'
import {
  acceptRequest,
  declineRequest,
  type FollowRow,
  follow,
  type PersonRow,
  unfollow,
} from '#drizzle/queries/graph.ts'
import { insertNotification } from '#drizzle/queries/notifications.ts'
import { claimUnpublished, committedSince, markPublished } from '#drizzle/queries/outbox.ts'
import { insertReport, notificationsOf, type ProfileRow, profileByName } from '#drizzle/queries/people.ts'
import { followersOf, followingOf, followRequestsOf, mutualsOf } from '#drizzle/queries/people-lists.ts'
import { visiblePosts } from '#drizzle/queries/posts.ts'
import { block, lift, mute } from '#drizzle/queries/relations.ts'
import { peopleToIndex } from '#drizzle/queries/search.ts'
import { HERE, openRelational, type Relational, THERE } from './shards-harness.ts'

const ids = createIdFactory(Date.now, Math.random)
const newestFirst = (list: Id[]) => [...list].sort((a, b) => compareIds(b, a))

describe.each([1, 2])('over %i databases', (count) => {
  let relational: Relational
  const query = <T>(statement: ReturnType<typeof sql>) => relational.database.query<T>(statement)
  const peopleIn = async (statement: ReturnType<typeof sql>) =>
    (await query<PersonRow>(statement)).map((row) => row.user_id)
  /** What the graph tier does with the event. */
  const consume = (row: FollowRow | undefined) => relational.database.batch(applyFollow(row!.event.data))
  const follows = async (reader: Id, author: Id) => {
    const [row] = await query<FollowRow>(follow(reader, author, null))
    await consume(row)
  }
  const profile = async (name: string, viewer: Id) => (await query<ProfileRow>(profileByName(name, viewer)))[0]
  beforeAll(async () => {
    relational = await openRelational(count)
  })
  afterAll(() => relational?.close())

  it.each([
    ['of one database', HERE, HERE],
    ['of two', HERE, THERE],
  ])('a follow, and its end, is seen from both sides: people %s', async (_, mine, theirs) => {
    const name = `followed${mine}.${theirs}`
    const [reader, author] = [
      await relational.person({ shard: mine }),
      await relational.person({ shard: theirs, name }),
    ]
    const post = await relational.post(author)
    expect(await query(followedPosts(reader, 10))).toEqual([])
    await follows(reader, author)
    await follows(reader, author)
    expect(await profile(name, reader)).toMatchObject({ follow_state: 'active', follower_count: 1, following_count: 0 })
    expect(await query(usersByIds([reader, author]))).toHaveLength(2)
    expect(await query(followedPosts(reader, 10))).toEqual([{ post_id: post, user_id: author }])
    const [ended] = await query<FollowRow>(unfollow(reader, author, null))
    expect(await query(hiddenAuthors(reader))).toEqual([{ reason: 'u', author }])
    await consume(ended)
    expect(await profile(name, reader)).toMatchObject({ follow_state: null, follower_count: 0 })
    expect(await query(followedPosts(reader, 10))).toEqual([])
  })

  it('an unfollow that the inverse table has not seen hides for as long', async () => {
    const [reader, author] = [await relational.person({ shard: HERE }), await relational.person({ shard: THERE })]
    await follows(reader, author)
    const [ended] = await query<FollowRow>(unfollow(reader, author, null))
    for (const { database } of relational.shards) {
      await database.query(
        sql`UPDATE follows SET updated_at = now() - interval '1 day' WHERE follower_id = ${reader}::bigint`,
      )
    }
    expect(await query(hiddenAuthors(reader))).toEqual([{ reason: 'u', author }])
    await consume(ended)
    expect(await query(hiddenAuthors(reader))).toEqual([])
  })

  it('a private person is asked, and what they post is seen once they agree', async () => {
    const [reader, other] = [await relational.person({ shard: HERE }), await relational.person({ shard: THERE })]
    const author = await relational.person({ shard: THERE, isPrivate: true })
    const post = await relational.post(author)
    for (const asking of [reader, other]) {
      expect((await query<FollowRow>(follow(asking, author, null)))[0]?.state).toBe('requested')
    }
    expect(await peopleIn(followRequestsOf(author, null, 10))).toEqual(newestFirst([reader, other]))
    expect(await query(visiblePosts([post], reader))).toEqual([])
    expect((await query<FollowRow>(acceptRequest(author, reader, null)))[0]?.state).toBe('active')
    expect((await query<FollowRow>(declineRequest(author, other, null)))[0]?.state).toBe('removed')
    expect(await peopleIn(followRequestsOf(author, null, 10))).toEqual([])
    expect(await query(visiblePosts([post], reader))).toHaveLength(1)
    expect(await query(visiblePosts([post], other))).toEqual([])
    expect(await query(declineRequest(author, reader, null))).toEqual([])
  })

  it('a block ends the follows of both directions at once and shows neither to the other', async () => {
    const [one, other] = [
      await relational.person({ shard: HERE, name: `blocker${count}` }),
      await relational.person({ shard: THERE, name: `blocked${count}` }),
    ]
    await follows(one, other)
    await follows(other, one)
    const post = await relational.post(other)
    const [related, ended] = await relational.database.batch(block(one, other, null))
    expect(related).toMatchObject([{ state: 'active', returned: false }])
    expect(ended).toHaveLength(2)
    expect(await query(hiddenAuthors(one))).toContainEqual({ reason: 'b', author: other })
    expect(await query(hiddenAuthors(other))).toContainEqual({ reason: 'b', author: one })
    expect(await profile(`blocker${count}`, other)).toBeUndefined()
    expect(await profile(`blocked${count}`, one)).toBeUndefined()
    expect(await query(visiblePosts([post], one))).toEqual([])
    expect(await query(follow(other, one, null))).toEqual([])
    const [back] = await relational.database.batch(block(other, one, null))
    expect(back).toMatchObject([{ returned: true }])
    await relational.database.batch(lift('block', other, one, null))
    await relational.database.batch(lift('block', one, other, null))
    expect(await profile(`blocker${count}`, other)).toMatchObject({ follow_state: null, follows_viewer: false })
    expect((await relational.database.batch(block(one, ids.next(THERE), null)))[0]).toEqual([])
  })

  it('lists of people go page by page through both databases, without those whom the viewer may not see', async () => {
    const [star, viewer] = [await relational.person({ shard: THERE }), await relational.person({ shard: HERE })]
    const fans: Id[] = []
    for (let i = 0; i < 24; i++) fans.push(await relational.person({ shard: i % 2 ? HERE : THERE }))
    for (const fan of fans) await follows(fan, star)
    for (const fan of fans.slice(0, 10)) await follows(viewer, fan)
    const hidden = fans.slice(8, 20)
    for (const fan of hidden) await relational.database.batch(block(fan, viewer, null))
    const walk = async (list: (before: Id | null) => ReturnType<typeof sql>) => {
      const seen: Id[] = []
      for (let page = await peopleIn(list(null)); page.length > 0; page = await peopleIn(list(seen.at(-1)!))) {
        seen.push(...page)
      }
      return seen
    }
    const shown = fans.filter((fan) => !hidden.includes(fan))
    expect(await walk((before) => followersOf(star, viewer, before, 5))).toEqual(newestFirst(shown))
    expect(await walk((before) => followingOf(viewer, viewer, before, 3))).toEqual(newestFirst(fans.slice(0, 8)))
    expect(await walk((before) => mutualsOf(star, viewer, before, 3))).toEqual(newestFirst(fans.slice(0, 8)))
  })

  it('a feed is read newest first from the authors of both databases', async () => {
    const reader = await relational.person({ shard: HERE })
    const posts: Id[] = []
    for (let i = 0; i < 6; i++) {
      const author = await relational.person({ shard: i % 2 ? HERE : THERE })
      await follows(reader, author)
      posts.push(await relational.post(author), await relational.post(author))
    }
    const placesOf = async (below: Id | null) =>
      (await query<{ post_id: Id }>(followedPosts(reader, 5, below))).map((row) => String(row.post_id))
    const first = await placesOf(null)
    const second = await placesOf(first.at(-1)!)
    const third = await placesOf(second.at(-1)!)
    expect([...first, ...second, ...third]).toEqual(newestFirst(posts))
    expect(await query(postsByIds(posts))).toHaveLength(posts.length)
  })

  it('celebrities are found wherever they are', async () => {
    const reader = await relational.person({ shard: HERE })
    const stars = [await relational.person({ shard: HERE }), await relational.person({ shard: THERE })]
    for (const star of stars) {
      await follows(reader, star)
      await query(
        changeMode(star, 'push', 'both', {
          id: `mode:${star}`,
          body: { id: `mode:${star}`, type: 'celebrity.changed', key: star, data: {} },
        }),
      )
    }
    const rows = await query<{ author: Id }>(followedCelebrities(reader))
    expect(rows.map((row) => row.author).sort(compareIds)).toEqual([...stars].sort(compareIds))
  })

  it('boards hold posts of other databases, saved only where they may be seen', async () => {
    const [owner, author] = [await relational.person({ shard: HERE }), await relational.person({ shard: THERE })]
    const secret = await relational.post(await relational.person({ shard: THERE, isPrivate: true }))
    const posts = [await relational.post(author), await relational.post(owner), await relational.post(author)]
    const boardId = ids.next(idShard(owner))
    await query(createBoard({ boardId, userId: owner, name: 'all', isPrivate: false }))
    for (const post of posts) expect(await query(savePost(boardId, post, owner))).toEqual([{ state: 'active' }])
    expect(await query(savePost(boardId, secret, owner))).toEqual([])
    expect(await query(savePost(boardId, posts[0]!, author))).toEqual([])
    const shown = await query<{ post_id: Id }>(boardPosts(boardId, author, null, 10))
    expect(shown.map((row) => row.post_id)).toEqual(newestFirst(posts))
    const rest = await query<{ post_id: Id }>(boardPosts(boardId, author, shown[0]!.post_id, 1))
    expect(rest.map((row) => row.post_id)).toEqual(newestFirst(posts).slice(1, 2))
  })

  it('notifications name people of other databases, and nobody who was muted since', async () => {
    const [told, actor, muted] = [
      await relational.person({ shard: HERE }),
      await relational.person({ shard: THERE }),
      await relational.person({ shard: THERE }),
    ]
    for (const from of [actor, muted, actor]) {
      const notificationId = ids.next(idShard(told))
      const about = { userId: told, kind: 'follow', actorId: from, subjectId: null } as const
      await query(insertNotification({ notificationId, ...about, dedupeKey: notificationId, createdMs: Date.now() }))
    }
    await relational.database.batch(mute(told, muted, null))
    const rows = await query<{ user_id: Id; username: string }>(notificationsOf(told, null, 10))
    expect(rows.map((row) => row.user_id)).toEqual([actor, actor])
    expect(rows[0]?.username).toMatch(/^person/)
  })

  it('only what exists is reported', async () => {
    const [reporter, author] = [await relational.person({ shard: HERE }), await relational.person({ shard: THERE })]
    const report = (subjectKind: 'post' | 'user', subjectId: Id) => ({
      ...{ reportId: ids.next(idShard(reporter)), reporterId: reporter, subjectKind, subjectId },
      ...{ reason: 'spam', detail: '' },
    })
    expect(await query(insertReport(report('post', await relational.post(author))))).toHaveLength(1)
    expect(await query(insertReport(report('user', author)))).toHaveLength(1)
    expect(await query(insertReport(report('post', ids.next(THERE))))).toEqual([])
  })

  it('each event is swept once and replayed once, in pages, from both outboxes', async () => {
    const wanted = (await relational.events()).map(({ id }) => id)
    const claim = async () => {
      const claims = relational.shards.map((shard) =>
        shard.database.query<{ event_id: string; body: { key: Id } }>(claimUnpublished(-60_000, 60_000, 1_000)),
      )
      return (await Promise.all(claims)).flat().map((row) => ({ id: row.event_id, key: row.body.key }))
    }
    const claimed = await claim()
    expect(claimed.map(({ id }) => id).sort()).toEqual([...wanted].sort())
    expect(await claim()).toEqual([])
    await query(markPublished(claimed))
    expect(await relational.events()).toEqual([])
    const replayed: string[] = []
    for (const shard of relational.shards) {
      for (let after = ''; ; ) {
        const page = await shard.database.query<{ event_id: string }>(committedSince(0, after, 7))
        replayed.push(...page.map((row) => row.event_id))
        if (page.length < 7) break
        after = page.at(-1)?.event_id ?? ''
      }
    }
    expect(new Set(replayed).size).toBe(replayed.length)
    expect(replayed.sort()).toEqual([...wanted].sort())
  })

  it('everybody is found once when the index is made again', async () => {
    const seen: Id[] = []
    for (;;) {
      const page = await query<{ user_id: Id }>(peopleToIndex(seen.at(-1) ?? '0', 10))
      if (page.length === 0) break
      seen.push(...page.map((row) => String(row.user_id)))
    }
    const counts = await Promise.all(
      relational.shards.map(({ database }) => database.query<{ n: number }>(sql`SELECT count(*)::int AS n FROM users`)),
    )
    expect(seen).toEqual([...new Set(seen)].sort(compareIds))
    expect(seen).toHaveLength(counts.reduce((sum, [row]) => sum + row!.n, 0))
  })
})
