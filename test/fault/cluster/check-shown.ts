/** What people are shown, through the api Worker: feeds, posts with their counts, lists, pictures, search. */
import { setTimeout as pause } from 'node:timers/promises'
import { type FeedItem, type Page, type Person, type PostAnswer, walkFeed } from '../../e2e/person.ts'
import { type Check, type CheckOptions, type Checks, differences, each } from './comparison.ts'
import { insisting } from './insistence.ts'

export function shownChecks(asked: CheckOptions): Checks {
  const options = patiently(asked)
  return {
    'posts by their ids': () => postsById(options),
    'counts of followers': () => followerCounts(options),
    'likes, comments and their counts': engagementCheck(options),
    pictures: picturesCheck(options),
    feeds: () => feeds(options),
    search: () => search(options),
  }
}

/**
 * By people who come again after "too much at once", as they are told to: what is compared here is what stands there. How often
 * somebody is refused is the readers' and the writers' to count.
 */
function patiently(options: CheckOptions): CheckOptions {
  const fetch = insisting(options.platform.edge.fetch, pause)
  const at = (person: Person) => person.at(fetch)
  return {
    ...options,
    log: { ...options.log, posts: options.log.posts.map((post) => ({ ...post, author: at(post.author) })) },
    followers: options.followers.map(at),
    crowd: options.crowd.map(at),
  }
}

/** A promised id may lead to the post that was kept under another; a deleted one leads nowhere. */
async function postsById({ log, followers: [reader] }: CheckOptions): Promise<string[]> {
  if (reader === undefined) return ['nobody reads']
  const accepted = log.posts.filter(({ status }) => status !== 201)
  const wrong = await each(accepted, async ({ id, author, caption }) => {
    const opened = await author.call<PostAnswer>('GET', `/v1/posts/${id}`)
    return opened.body?.caption === caption ? [] : [`${id}, promised for ${caption}, answers ${opened.status}`]
  })
  const left = await each(log.deleted, async ({ id }) => {
    const { status } = await reader.call('GET', `/v1/posts/${id}`)
    return status === 404 ? [] : [`${id}, which was deleted, answers ${status}`]
  })
  return [...wrong, ...left].flat()
}

async function followerCounts({ crowd, follows }: CheckOptions): Promise<string[]> {
  const of = (id: string, side: 0 | 1) => [...follows].filter((pair) => pair.split('>')[side] === id).length
  const wrong = await each(crowd, async (person) => {
    const me = await person.ask<{ followerCount: number; followingCount: number }>('GET', '/v1/me')
    const [followers, following] = [of(person.id, 1), of(person.id, 0)]
    const isRight = me.followerCount === followers && me.followingCount === following
    if (isRight) return []
    return [`${person.username} shows ${me.followerCount}/${me.followingCount}, not ${followers}/${following}`]
  })
  return wrong.flat()
}

interface ShownComment {
  id: string
  body: string
  author: { id: string }
  deleted: boolean
}

/** What is right once is not asked again. */
function engagementCheck({ log, followers: [reader] }: CheckOptions): Check {
  const settled = new Set<string>()
  return async () => {
    const open = log.posts.filter(({ id }) => !settled.has(id))
    const wrong = await each(open, async ({ id }) => {
      if (reader === undefined) return ['nobody reads']
      const likes = [...(log.likes.get(id) ?? [])]
      const comments = log.comments.filter(({ post }) => post === id)
      const shown = await reader.ask<PostAnswer>('GET', `/v1/posts/${id}`)
      const [likers, texts] = await Promise.all([
        all<{ person: { id: string } }>(reader, `/v1/posts/${id}/likes?limit=50`),
        all<ShownComment>(reader, `/v1/posts/${id}/comments?limit=50`),
      ])
      const promised = new Set(
        comments.filter(({ status }) => status === 202).map(({ body, author }) => `${body} of ${author}`),
      )
      // Accepted for later, it may stand under the id of an earlier attempt, whose answer was lost.
      const named = (textId: string, text: string) => (promised.has(text) ? text : `${textId} ${text}`)
      const isCounted = shown.likeCount === likes.length && shown.commentCount === comments.length
      const found = [
        ...differences(
          likers.map(({ person }) => person.id),
          likes,
          `shown likes of ${id}`,
        ),
        ...differences(
          texts.filter((text) => !text.deleted).map((text) => named(text.id, `${text.body} of ${text.author.id}`)),
          comments.map((text) => named(text.id, `${text.body} of ${text.author}`)),
          `shown comments of ${id}`,
        ),
        ...(isCounted
          ? []
          : [`${id} counts ${shown.likeCount}/${shown.commentCount}, not ${likes.length}/${comments.length}`]),
      ]
      if (found.length === 0) settled.add(id)
      return found
    })
    return wrong.flat()
  }
}

/** Each is processed, and opens through the image Worker. What is right once is not asked again. */
function picturesCheck({ platform, log }: CheckOptions): Check {
  const settled = new Set<string>()
  return async () => {
    const open = log.posts.filter(({ mediaId }) => mediaId !== undefined && !settled.has(mediaId))
    const wrong = await each(open, async ({ id, author, mediaId = '' }) => {
      const { state } = await author.ask<{ state: string }>('GET', `/v1/media/${mediaId}`)
      const [shown] = (await author.ask<PostAnswer>('GET', `/v1/posts/${id}`)).media
      if (shown?.id !== mediaId) return [`post ${id} does not show ${mediaId}`]
      const opened = await platform.edge.fetch(shown.urls.small, { headers: { accept: 'image/webp' } })
      await opened.body?.cancel()
      if (state !== 'ready' || opened.status !== 200) return [`picture ${mediaId} is ${state}, opens ${opened.status}`]
      settled.add(mediaId)
      return []
    })
    return wrong.flat()
  }
}

async function feeds({ word, log, followers }: CheckOptions): Promise<string[]> {
  const captions = log.posts.map(({ caption }) => caption)
  const wrong = await each(followers, async (reader) => {
    const items: FeedItem[] = await walkFeed(reader, 'mode=following&limit=100')
    const ids = items.map(({ id }) => id)
    const ours = items.filter(({ caption }) => caption.startsWith(`${word} `)).map(({ caption }) => caption)
    const where = `the feed of ${reader.username}`
    return [...differences(ours, captions, where), ...differences(ids, ids, where)]
  })
  return wrong.flat()
}

async function search({ word, log, followers: [reader] }: CheckOptions): Promise<string[]> {
  if (reader === undefined) return ['nobody reads']
  const found = await all<PostAnswer>(reader, `/v1/search/posts?q=${word}&limit=50`)
  return differences(
    found.map(({ caption }) => caption),
    log.posts.map(({ caption }) => caption),
    'the search',
  )
}

/** Every page of a list. */
async function all<T>(reader: Person, path: string): Promise<T[]> {
  const items: T[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Page<T> = await reader.ask('GET', cursor === '' ? path : `${path}&cursor=${cursor}`)
    items.push(...page.items)
    cursor = page.cursor
  }
  return items
}
