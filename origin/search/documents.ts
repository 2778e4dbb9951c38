/** What is searched: documents with a version each, made of the rows they stand for. */
import type { Id } from '#core/ids.ts'
import { fold, wordsOf } from './text.ts'

export interface PersonDocument {
  userId: Id
  /** The user name, folded. */
  handle: string
  /** Words of the display name and parts of the handle, folded. */
  words: string[]
  /** Kept as a tombstone: a late, older change must not bring the person back. */
  deleted: boolean
  version: number
}

export interface PostDocument {
  postId: Id
  userId: Id
  words: string[]
  /** As they are written, without #. */
  hashtags: string[]
  deleted: boolean
  version: number
}

export function personDocument(row: {
  userId: Id
  username: string
  displayName: string
  deleted: boolean
  version: number
}): PersonDocument {
  const { userId, username, displayName, deleted, version } = row
  if (deleted) return gonePerson(userId, version)
  const handle = fold(username)
  const unbroken = handle.replace(/[^\p{L}\p{N}]/gu, '')
  const words = [...new Set([...wordsOf(`${displayName} ${username}`), ...(unbroken === '' ? [] : [unbroken])])]
  return { userId, handle, words, deleted: false, version }
}

export function postDocument(row: {
  postId: Id
  userId: Id
  caption: string
  hashtags: readonly string[]
  deleted: boolean
  version: number
}): PostDocument {
  const { postId, userId, caption, hashtags, deleted, version } = row
  if (deleted) return gonePost(postId, userId, version)
  return {
    postId,
    userId,
    words: wordsOf([caption, ...hashtags].join(' ')),
    hashtags: [...new Set(hashtags)],
    deleted,
    version,
  }
}

/** What stands for a person of whom no more than that they are gone may be kept. */
export const gonePerson = (userId: Id, version: number): PersonDocument => ({
  userId,
  handle: '',
  words: [],
  deleted: true,
  version,
})

export const gonePost = (postId: Id, userId: Id, version: number): PostDocument => ({
  postId,
  userId,
  words: [],
  hashtags: [],
  deleted: true,
  version,
})
