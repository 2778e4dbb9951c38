/**
 * Signatures for the pictures of private accounts. Who gets an address here has been let through by the rules of the feed
 * or of the statement that read the post; the address then opens the picture for anybody until it expires.
 */
import type { FeedPost, KeySignatures } from '#core/feed/index.ts'
import type { Clock } from '#core/ids.ts'
import { presetSigner, type SigningKey } from '#core/image/index.ts'
import { BoundedMap } from '../feed/bounded-map.ts'

/** Addresses change with the hour, so that browsers keep a picture, and a feed its ETag, for as long. */
const BUCKET_SECONDS = 3_600

/** Keys whose query of this hour is remembered: about 300 bytes each. */
const KEPT_SIGNATURES = 10_000

export interface Signatures {
  /** When what is signed now expires, in seconds since 1970: the end of the next hour, so in one to two hours. */
  expires(): number
  of(keys: readonly string[]): Promise<KeySignatures>
}

/** @param keys as in configuration, the newest first: it signs */
export function createSignatures(keys: readonly SigningKey[], clock: Clock): Signatures {
  const [newest] = keys
  if (newest === undefined) throw new Error('there is no key to sign image addresses with')
  const sign = presetSigner(newest)
  const kept = new BoundedMap<string, { expires: number; query: string }>(KEPT_SIGNATURES)
  const expires = () => (Math.floor(clock() / 1_000 / BUCKET_SECONDS) + 2) * BUCKET_SECONDS

  const queryOf = async (key: string, until: number): Promise<string> => {
    const known = kept.get(key)
    if (known?.expires === until) return known.query
    const query = await sign(key, until)
    kept.set(key, { expires: until, query })
    return query
  }
  return {
    expires,
    async of(wanted) {
      if (wanted.length === 0) return NONE
      const until = expires()
      return new Map(await Promise.all(wanted.map(async (key) => [key, await queryOf(key, until)] as const)))
    },
  }
}

const NONE: KeySignatures = new Map()

/** Signs what a page is about to show, as far as an earlier page of this hour has not; mostly that is nothing. */
export async function signPosts(posts: readonly FeedPost[], signatures: Signatures): Promise<void> {
  const expires = signatures.expires()
  const open = posts.filter((post) => post.signedUntil < expires)
  if (open.length === 0) return
  const queries = await signatures.of(open.flatMap((post) => post.privateKeys))
  for (const post of open) post.sign(queries, expires)
}
