/** People, follows, posts and likes as rows of the AppView's tables: those that a home timeline is read from. */
import { createHash } from 'node:crypto'
import type { SamePeople, SamePost } from '../peer.ts'

export type Row = Record<string, string | number>

export type Rows = Record<'actor' | 'follow' | 'record' | 'post' | 'feed_item' | 'post_agg' | 'like', Row[]>

const DAY_MS = 86_400_000
/** A photo that a phone has made smaller. Nobody fetches it: its name and size stand in the record. */
const PHOTO_BYTES = 400_000

/** Person 12 is did:plc:aaaaaaaaaaaaaaaaaaaaaabc: 24 characters of base 32, as a did:plc has them. */
export function didOf(person: number): string {
  const letters = [...String(person)].map((digit) => 'abcdefghij'[Number(digit)]).join('')
  return `did:plc:${letters.padStart(24, 'a')}`
}

export function rowsOf(people: SamePeople, nowMs: number): Rows {
  const { graph, postedAtMs, post } = people
  const rows: Rows = { actor: [], follow: [], record: [], post: [], feed_item: [], post_agg: [], like: [] }
  let follows = 0
  for (let person = 0; person < graph.people; person++) {
    const did = didOf(person)
    addPerson(rows, did, person, nowMs)
    for (const followee of graph.followees[person] ?? []) {
      const sinceMs = nowMs - 30 * DAY_MS
      const uri = `at://${did}/app.bsky.graph.follow/${recordKey(sinceMs, follows++)}`
      rows.follow.push({ uri, cid: cidOf(uri), creator: did, subjectDid: didOf(followee), ...since(sinceMs) })
    }
    for (const [i, atMs] of (postedAtMs[person] ?? []).entries()) addPost(rows, did, atMs, i, post)
  }
  addLikes(rows, people, nowMs)
  return rows
}

const since = (ms: number) => ({ createdAt: new Date(ms).toISOString(), indexedAt: new Date(ms).toISOString() })

function addPerson(rows: Rows, did: string, person: number, nowMs: number): void {
  const { createdAt, indexedAt } = since(nowMs - 30 * DAY_MS)
  rows.actor.push({ did, handle: `person${person}.test`, indexedAt })
  const [displayName, avatar] = [`Person ${person}`, blob(`avatar of ${did}`)]
  addRecord(rows, did, `at://${did}/app.bsky.actor.profile/self`, indexedAt, {
    ...{ $type: 'app.bsky.actor.profile', displayName, avatar, createdAt },
  })
}

function addPost(rows: Rows, did: string, atMs: number, n: number, { caption, hashtags, image }: SamePost): void {
  const at = since(atMs)
  const uri = `at://${did}/app.bsky.feed.post/${recordKey(atMs, n)}`
  const { alt, width, height } = image
  const cid = addRecord(rows, did, uri, at.indexedAt, {
    $type: 'app.bsky.feed.post',
    text: caption,
    facets: hashtags.map((tag) => facet(caption, tag)),
    embed: {
      $type: 'app.bsky.embed.images',
      images: [{ alt, aspectRatio: { width, height }, image: blob(`photo of ${uri}`) }],
    },
    createdAt: at.createdAt,
  })
  rows.post.push({ uri, cid, creator: did, text: caption, ...at })
  rows.feed_item.push({ uri, cid, type: 'post', postUri: uri, originatorDid: did, sortAt: at.createdAt })
  rows.post_agg.push({ uri, likeCount: 100, replyCount: 10 })
}

/** Where a hashtag stands in a text, in bytes (app.bsky.richtext.facet). */
function facet(text: string, tag: string) {
  const byteStart = Buffer.byteLength(text.slice(0, text.indexOf(`#${tag}`)))
  const index = { byteStart, byteEnd: byteStart + Buffer.byteLength(`#${tag}`) }
  return { index, features: [{ $type: 'app.bsky.richtext.facet#tag', tag }] }
}

const blob = (name: string) => ({
  $type: 'blob',
  ref: { $link: cidOf(name, RAW) },
  ...{ mimeType: 'image/jpeg', size: PHOTO_BYTES },
})

/** @returns its CID, in truth that of its DAG-CBOR: nothing on the read path computes it again */
function addRecord(rows: Rows, did: string, uri: string, indexedAt: string, record: object): string {
  const json = JSON.stringify(record)
  const cid = cidOf(uri + json)
  rows.record.push({ uri, cid, did, json, indexedAt })
  return cid
}

/** Every reader likes one in ten of the newest 800 posts of the people followed, as ours do. */
function addLikes(rows: Rows, { graph }: SamePeople, nowMs: number): void {
  const posts = Map.groupBy(rows.post, ({ creator }) => creator)
  for (const [reader, followees] of graph.followees.entries()) {
    const timeline = followees
      .flatMap((followee) => posts.get(didOf(followee)) ?? [])
      .sort((a, b) => String(b.createdAt).localeCompare(String(a.createdAt)))
    for (let i = 0; i < Math.min(800, timeline.length); i += 10) {
      const { uri: subject = '', cid: subjectCid = '' } = timeline[i] ?? {}
      const uri = `at://${didOf(reader)}/app.bsky.feed.like/${recordKey(nowMs, i)}`
      rows.like.push({ uri, cid: cidOf(uri), creator: didOf(reader), subject, subjectCid, ...since(nowMs) })
    }
  }
}

/** Those whose first page has so many posts: of the people they follow and of their own, as the AppView mixes them. */
export function readersWithPages({ graph, postedAtMs }: SamePeople, page: number): number[] {
  const postsOf = (person: number) => postedAtMs[person]?.length ?? 0
  return graph.followees.flatMap((followees, reader) => {
    const posts = followees.reduce((sum, followee) => sum + postsOf(followee), postsOf(reader))
    return posts >= page ? [reader] : []
  })
}

const SORTABLE = '234567abcdefghijklmnopqrstuvwxyz'
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
const DAG_CBOR = 0x71
const RAW = 0x55

/** A TID (atproto.com/specs/tid): microseconds and ten bits of a clock's number, in 13 characters that sort by time. */
export function recordKey(atMs: number, n: number): string {
  let bits = ((BigInt(atMs) * 1_000n + BigInt(Math.floor(n / 1_024))) << 10n) | BigInt(n % 1_024)
  let key = ''
  for (let i = 0; i < 13; i++) {
    key = `${SORTABLE[Number(bits & 31n)]}${key}`
    bits >>= 5n
  }
  return key
}

/** A well-formed CID: version 1, the codec, SHA-256, in multibase's lower-case base 32. */
export function cidOf(content: string, codec: number = DAG_CBOR): string {
  const digest = createHash('sha256').update(content).digest()
  let bits = ''
  for (const byte of [0x01, codec, 0x12, digest.length, ...digest]) bits += byte.toString(2).padStart(8, '0')
  const letters = bits.match(/.{1,5}/g) ?? []
  return `b${letters.map((five) => BASE32[Number.parseInt(five.padEnd(5, '0'), 2)]).join('')}`
}
