/** The text of post:text:<id>: how a post is written into it, and read from it as far as somebody asks. */

import { flatText } from '../flat-text.ts'
import type { Id } from '../ids.ts'
import { isPrivateKey } from '../image/index.ts'
import type { Reply } from '../redis.ts'

/** One photo or video of a post, as stored in posts.media_urls. */
export interface PostMedia {
  mediaId: Id
  type: 'image' | 'video'
  key: string
  width: number
  height: number
  alt: string
  blur: string | null
  playlist?: string
}

/** The part of a post that does not change with who looks, nor with likes. */
export interface PostRecord {
  id: Id
  userId: Id
  caption: string
  media: PostMedia[]
  hashtags: string[]
  version: number
  /** A post that waits for its video is its author's alone. */
  awaitsMedia: boolean
}

export interface Counts {
  likes: number
  comments: number
}

/** A post that is known to be gone. */
export const DELETED = 'deleted'

/** A medium by its places: names and their quotes would be a third of the text. */
type PackedMedia = readonly [
  mediaId: Id,
  type: PostMedia['type'],
  key: string,
  width: number,
  height: number,
  alt: string,
  blur: string | null,
  playlist: string | null,
]

/** What a post shows. */
type PackedBody = readonly [caption: string, media: PackedMedia[], hashtags: string[]]

/**
 * One text: what a feed needs of every post that it may show, as tokens (version, author, waiting, likes, comments, characters of
 * the caption, number of media, whether one is private, lengths of the JSON and of the topic, topic), then what it needs of those that it shows, as JSON. A feed asks for
 * a hundred posts and shows half of them: of the others the JSON is never read.
 */
export function packPost(post: PostRecord, { likes, comments }: Counts): string {
  const { userId, caption, media, hashtags, version, awaitsMedia } = post
  const { hasPrivateMedia, topic = '' } = outlineOf(post)
  const numbers = [awaitsMedia ? 1 : 0, likes, comments, caption.length, media.length, hasPrivateMedia ? 1 : 0]
  const body = JSON.stringify([caption, media.map(packMedia), hashtags] satisfies PackedBody)
  return [version, userId, ...numbers, body.length, topic.length, topic].join(' ') + body
}

const packMedia = ({ mediaId, type, key, width, height, alt, blur, playlist }: PostMedia): PackedMedia => [
  mediaId,
  type,
  key,
  width,
  height,
  alt,
  blur,
  playlist ?? null,
]

const unpackMedia = ([mediaId, type, key, width, height, alt, blur, playlist]: PackedMedia): PostMedia => {
  const image = { mediaId, type, key, width, height, alt, blur }
  return playlist === null ? image : { ...image, playlist }
}

/** What one may know of a post without having unpacked it. */
export interface PostOutline {
  /** Characters of the caption. */
  characters: number
  media: number
  hasPrivateMedia: boolean
  /** The first of its hashtags. */
  topic: string | undefined
}

export function outlineOf(post: PostRecord): PostOutline {
  if (post instanceof PackedPost) return post.outline
  const { caption, media, hashtags } = post
  const hasPrivateMedia = media.some(({ key }) => isPrivateKey(key))
  return { characters: caption.length, media: media.length, hasPrivateMedia, topic: hashtags[0] }
}

export type PostBody = Pick<PostRecord, 'caption' | 'media' | 'hashtags'>

/** A post whose caption, media and hashtags stay text until somebody asks for them. */
class PackedPost implements PostRecord {
  readonly id: Id
  readonly userId: Id
  readonly version: number
  readonly awaitsMedia: boolean
  readonly outline: PostOutline
  private readonly packed: string
  private body: PostBody | null = null

  constructor(head: Pick<PostRecord, 'id' | 'userId' | 'version' | 'awaitsMedia'>, outline: PostOutline, body: string) {
    this.id = head.id
    this.userId = head.userId
    this.version = head.version
    this.awaitsMedia = head.awaitsMedia
    this.outline = outline
    this.packed = body
  }

  get caption(): string {
    return this.unpacked().caption
  }

  get media(): PostMedia[] {
    return this.unpacked().media
  }

  get hashtags(): string[] {
    return this.unpacked().hashtags
  }

  /** As it was unpacked before, or now; the post holds it no longer. */
  take(): PostBody {
    const body = this.unpacked()
    this.body = null
    return body
  }

  private unpacked(): PostBody {
    if (this.body === null) {
      const [caption, media, hashtags] = JSON.parse(this.packed) as PackedBody
      this.body = { caption, media: media.map(unpackMedia), hashtags }
    }
    return this.body
  }
}

/** What a post shows, for whoever needs it once: the post holds nothing of it afterwards but its text. */
export const takeBody = (post: PostRecord): PostBody => (post instanceof PackedPost ? post.take() : post)

/**
 * Reads one post from its text.
 * @returns null: not in Redis, or no text of a post: Postgres knows; 'deleted': gone, nobody needs to ask
 */
export function parsePost(
  id: Id,
  reply: Reply | undefined,
): { post: PostRecord; counts: Counts } | typeof DELETED | null {
  if (reply === DELETED) return DELETED
  if (typeof reply !== 'string') return null
  const tokens = new Tokens(reply)
  const version = tokens.number()
  const userId = tokens.digits()
  const awaitsMedia = tokens.number() === 1
  const counts = { likes: tokens.number(), comments: tokens.number() }
  const characters = tokens.number()
  const media = tokens.number()
  const hasPrivateMedia = tokens.number() === 1
  const length = tokens.number()
  const topic = flatText(tokens.take(tokens.number()))
  const body = tokens.rest()
  if (!tokens.areWhole || body.length !== length) return null
  const outline = { characters, media, hasPrivateMedia, topic: topic === '' ? undefined : topic }
  return { post: new PackedPost({ id, userId, version, awaitsMedia }, outline, body), counts }
}

/** Reads a text from its front: each number ends with a space. */
class Tokens {
  /** Whether all that was read until now was there. */
  areWhole = true
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  number(): number {
    let value = 0
    for (let code = this.next(); code !== SPACE; code = this.next()) value = value * 10 + code - ZERO
    return value
  }

  /** A number as text: it may be larger than JavaScript's. */
  digits(): string {
    const from = this.at
    this.number()
    return this.text.slice(from, this.at - 1)
  }

  take(length: number): string {
    this.at += length
    return this.text.slice(this.at - length, this.at)
  }

  rest(): string {
    return this.text.slice(this.at)
  }

  /** What is no digit, and what lies behind the end, ends a number as a space does. */
  private next(): number {
    const code = this.at < this.text.length ? this.text.charCodeAt(this.at++) : NONE
    if (code === SPACE || (code >= ZERO && code <= ZERO + 9)) return code
    this.areWhole = false
    return SPACE
  }
}

const SPACE = 0x20
const ZERO = 0x30
const NONE = -1
