/**
 * Presenting: JSON by joining strings. A post's own fields are serialised when it is shown, and kept from the second time on;
 * what differs from viewer to viewer (counts, like, reason) is added here. Serialising fifty posts anew would cost more than
 * the rest of the read.
 */

import { flatText } from '../flat-text.ts'
import { leadOf } from '../id-set.ts'
import type { Id } from '../ids.ts'
import { ID_EPOCH_MS, idMs } from '../ids.ts'
import { imageUrl, isPrivateKey, type PresetName } from '../image/index.ts'
import {
  type Counts,
  outlineOf,
  type PostBody,
  type PostMedia,
  type PostRecord,
  takeBody,
  type UserRecord,
} from '../timeline/index.ts'
import type { FeedPost, HydratedItem, KeySignatures, Reason, Viewer } from './types.ts'

/** Why am I seeing this: a sentence for people. */
const WHY: Record<Reason, string> = {
  own: 'You posted this.',
  follow: 'You follow this account.',
  celebrity: 'You follow this account.',
  tag: 'You follow a hashtag of this post.',
  recommended: 'People with interests like yours engaged with this post.',
  trending: 'This post is among those that people engage with most now, or among the newest.',
  sponsored: 'An advertiser paid for this post to be shown.',
  seen: 'You have seen this post before; there is little now that you have not.',
}

/**
 * The public shape of a post's media: the facts and ready URLs of each size.
 * @param signatures of the private ones; the address of one that has none is refused by the image Worker
 */
export function presentMedia(media: PostRecord['media'], imageBase: string, signatures: KeySignatures): object[] {
  return JSON.parse(mediaJson(media, imageBase, signatures)) as object[]
}

/** The same as text, joined by hand: hydration makes a hundred of them, and JSON.stringify was most of its time. */
function mediaJson(media: PostRecord['media'], imageBase: string, signatures: KeySignatures): string {
  return `[${media.map((item) => itemJson(item, imageBase, signatures)).join(',')}]`
}

function itemJson(item: PostMedia, imageBase: string, signatures: KeySignatures): string {
  const playlist = item.playlist === undefined ? '' : `,"playlist":${JSON.stringify(item.playlist)}`
  const query = signatures.get(item.key)
  const [base, end] = [escaped(imageBase), escaped(query === undefined ? item.key : `${item.key}?${query}`)]
  const url = (preset: PresetName) => `"${imageUrl(base, end, preset)}"`
  return (
    `{"id":"${item.mediaId}","type":"${item.type}","width":${item.width},"height":${item.height}` +
    `,"alt":${JSON.stringify(item.alt)},"blur":${JSON.stringify(item.blur)},"urls":{"thumb":${url('thumb')}` +
    `,"small":${url('small')},"medium":${url('medium')},"large":${url('large')}}${playlist}}`
  )
}

/** Text as it stands between the quotes of JSON. */
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1)

/** The keys among a post's media that need signatures. */
export function privateKeysOf(media: PostRecord['media']): readonly string[] {
  return media.some(({ key }) => isPrivateKey(key)) ? media.map(({ key }) => key).filter(isPrivateKey) : NO_KEYS
}

const NO_KEYS: readonly string[] = Object.freeze([])
const NO_SIGNATURES: KeySignatures = new Map()

/** The picture of a person is shown to everyone, as the name is: its key is never private. */
export function presentAuthor(user: UserRecord, imageBase: string): object {
  return {
    id: user.id,
    username: user.username,
    displayName: user.displayName,
    avatar: user.avatar === null ? null : imageUrl(imageBase, user.avatar, 'thumb'),
  }
}

/** Makes what an isolate keeps of a post. `imageBase` is the origin of image addresses, '' for relative ones. */
export function feedPost(post: PostRecord, author: UserRecord, counts: Counts, imageBase: string): FeedPost {
  return new KeptPost(post, shownAuthor(author, imageBase), author, counts)
}

/**
 * The text is joined when the post is shown: of the posts that a feed ranks, half are not, and what Redis has of those is not even
 * unpacked, but where pictures are private. It is kept from the second time on, since most posts are shown once only. One with
 * private pictures is joined anew once an expiry, an hour.
 */
class KeptPost implements FeedPost {
  readonly lead: number
  readonly id: Id
  readonly authorId: Id
  readonly seconds: number
  readonly topic: string | undefined
  likes: number
  comments: number
  touched = false
  readonly authorPrivate: boolean
  readonly awaitsMedia: boolean
  readonly authorName: string
  readonly size: number
  readonly privateKeys: readonly string[]
  digest: number
  signedUntil: number
  private tags: readonly string[] | null = null
  private source: { post: PostRecord; shown: ShownAuthor } | null
  private wasShown = false
  private text = ''
  /** How much of the text is not the counts, and whether these are the ones of now. */
  private shared = 0
  private isCounted = false
  private signatures = NO_SIGNATURES

  constructor(post: PostRecord, shown: ShownAuthor, author: UserRecord, counts: Counts) {
    const { characters, media, hasPrivateMedia, topic } = outlineOf(post)
    this.lead = leadOf(post.id)
    this.id = post.id
    this.authorId = author.id
    this.seconds = Math.floor((idMs(post.id) - ID_EPOCH_MS) / 1_000)
    this.topic = topic
    this.likes = counts.likes
    this.comments = counts.comments
    this.authorPrivate = author.isPrivate
    this.awaitsMedia = post.awaitsMedia
    this.authorName = author.username
    this.privateKeys = hasPrivateMedia ? privateKeysOf(post.media) : NO_KEYS
    this.signedUntil = this.privateKeys.length === 0 ? Number.POSITIVE_INFINITY : 0
    this.size =
      shown.json.length + characters + media * MEDIA_SIZE + this.privateKeys.length * (MEDIA_SIZE + SIGNATURES_SIZE)
    this.digest = digestOf(post, shown)
    this.source = { post, shown }
  }

  get hashtags(): readonly string[] {
    this.tags ??= this.source?.post.hashtags ?? []
    return this.tags
  }

  get json(): string {
    if (this.isCounted) return this.text
    if (this.source !== null && this.shared === 0) {
      const body = takeBody(this.source.post)
      const text = sharedJson(this.id, body, this.source.shown, this.signatures)
      this.tags = body.hashtags
      if (!this.wasShown) {
        this.wasShown = true
        return text + countsJson(this)
      }
      this.text = text
      this.shared = this.text.length
      if (this.privateKeys.length === 0) this.source = null
    }
    this.text = flatText(`${this.text.slice(0, this.shared)}${countsJson(this)}`)
    this.isCounted = true
    return this.text
  }

  count({ likes, comments }: Counts): void {
    this.likes = likes
    this.comments = comments
    this.isCounted = false
  }

  sign(signatures: KeySignatures, expires: number): void {
    if (this.source === null) return
    this.signatures = signatures
    this.signedUntil = expires
    this.digest = small(mixNumber(digestOf(this.source.post, this.source.shown), expires))
    this.shared = 0
    this.isCounted = false
  }
}

/** Which post in which version by which author, as shown. */
const digestOf = (post: PostRecord, shown: ShownAuthor): number =>
  small(mixNumber(mixText(shown.digest, post.id), post.version))

/** Thirty-one bits of a sum, in which V8 keeps a number within its object. */
const small = (sum: number): number => sum >> 1

/** Four addresses and the facts of one picture. */
const MEDIA_SIZE = 600
/** Four queries, and the query itself; the record is kept beside its text. */
const SIGNATURES_SIZE = 500

function sharedJson(id: Id, post: PostBody, author: ShownAuthor, signatures: KeySignatures): string {
  return (
    `{"id":"${id}","author":${author.json},"caption":${JSON.stringify(post.caption)}` +
    `,"hashtags":${JSON.stringify(post.hashtags)},"media":${mediaJson(post.media, author.imageBase, signatures)}` +
    `,"createdAt":"${new Date(idMs(id)).toISOString()}"`
  )
}

const countsJson = ({ likes, comments }: Counts): string => `,"likeCount":${likes},"commentCount":${comments}`

interface ShownAuthor {
  imageBase: string
  json: string
  digest: number
}

/** Authors as text, kept as long as their records are: an author has several posts in a feed. */
const shownAuthors = new WeakMap<UserRecord, ShownAuthor>()

function shownAuthor(author: UserRecord, imageBase: string): ShownAuthor {
  const known = shownAuthors.get(author)
  if (known?.imageBase === imageBase) return known
  const json = JSON.stringify(presentAuthor(author, imageBase))
  const shown = { imageBase, json, digest: mixText(FNV_BASIS, json) }
  shownAuthors.set(author, shown)
  return shown
}

/** One post as JSON for a viewer, without a reason: what GET /v1/posts/{id} answers too. */
export function presentPost(post: FeedPost, liked: boolean): string {
  return `${post.json},"liked":${liked}}`
}

const REASON_CODES = Object.fromEntries(Object.keys(WHY).map((reason, i) => [reason, i])) as Record<Reason, number>

/** How an item ends: whether it is liked, and why it is there. */
const endings = (liked: boolean): Record<Reason, string> =>
  Object.fromEntries(
    Object.entries(WHY).map(([reason, why]) => [
      reason,
      `,"liked":${liked},"reason":"${reason}","why":${JSON.stringify(why)}}`,
    ]),
  ) as Record<Reason, string>

const LIKED = endings(true)
const NOT_LIKED = endings(false)

/**
 * A page, `{ items, cursor }`: joins its text as often as it is asked to, with the counts of then. Holds on to the posts, which the
 * isolate has anyway, and to nothing of the viewer: pages are kept for a while, and what they held would be the collector's work.
 */
export function pageRenderer(
  items: readonly HydratedItem[],
  viewer: Pick<Viewer, 'liked'>,
  cursor: string | null,
): () => string {
  const posts = items.map((item) => item.post)
  const ends = items.map(({ candidate }) => (viewer.liked.has(candidate.id) ? LIKED : NOT_LIKED)[candidate.reason])
  const end = `],"cursor":${cursor === null ? 'null' : `"${cursor}"`}}`
  return () => `{"items":[${posts.map((post, i) => post.json + ends[i]).join(',')}${end}`
}

/**
 * A weak ETag over what a page shows: which posts, in which order, with which counts and likes. Two FNV-1a sums of 32
 * bits; it is no secret, it only has to differ when the page does.
 * @param next what comes after the page, as a number: a reader who kept the page would go on by its old cursor
 */
export function pageTag(items: readonly HydratedItem[], viewer: Pick<Viewer, 'id' | 'liked'>, next: number): string {
  let a = mixNumber(mixText(FNV_BASIS, viewer.id), next)
  let b = a ^ SECOND_BASIS
  for (const { post, candidate } of items) {
    const { likes, comments } = post
    const shown = REASON_CODES[candidate.reason] * 2 + (viewer.liked.has(candidate.id) ? 1 : 0)
    a = mixNumber(mixNumber(mixNumber(a, post.digest), likes), shown)
    b = mixNumber(mixNumber(mixNumber(b ^ a, comments), post.digest), likes)
  }
  return `W/"${(a >>> 0).toString(36)}${(b >>> 0).toString(36)}"`
}

const FNV_BASIS = 0x811c9dc5
const SECOND_BASIS = 0x01000193
const FNV_PRIME = 0x01000193
const mixNumber = (sum: number, value: number): number => Math.imul(sum ^ value, FNV_PRIME)

function mixText(sum: number, text: string): number {
  let mixed = sum
  for (let i = 0; i < text.length; i++) mixed = mixNumber(mixed, text.charCodeAt(i))
  return mixed
}
