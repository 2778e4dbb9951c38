/** What a client was told: every write in it was acknowledged. */
import type { Person } from '../../e2e/person.ts'

export interface LoggedPost {
  id: string
  author: Person
  caption: string
  status: number
  /** An upload of its author's that it shows. */
  mediaId?: string
}

export interface LoggedComment {
  id: string
  post: string
  author: string
  body: string
  status: number
}

export interface WriteLog {
  /** Those that were not deleted. */
  posts: LoggedPost[]
  deleted: LoggedPost[]
  deletionsBegun: number
  /** Post → who likes it, and has not taken it back. */
  likes: Map<string, Set<string>>
  /** How many were taken back. */
  unlikes: number
  comments: LoggedComment[]
  deletedComments: LoggedComment[]
  /** How many were changed. */
  edits: number
  /** Post → who has shared it. */
  shares: Map<string, Set<string>>
  /** How many there were; which of them stand is the cast's to know. */
  follows: number
  /** How many were taken back. */
  unfollows: number
}

export const emptyLog = (): WriteLog => ({
  posts: [],
  deleted: [],
  deletionsBegun: 0,
  likes: new Map(),
  unlikes: 0,
  comments: [],
  deletedComments: [],
  edits: 0,
  shares: new Map(),
  follows: 0,
  unfollows: 0,
})

/** `12 posts, 3 deleted; …` */
export function summaryOf(log: WriteLog): string {
  const { posts, deleted, likes, unlikes, comments, deletedComments, edits, shares, follows, unfollows } = log
  const all = (sets: ReadonlyMap<string, ReadonlySet<string>>) =>
    [...sets.values()].reduce((sum, { size }) => sum + size, 0)
  return [
    `${posts.length + deleted.length} posts (${posts.filter(({ mediaId }) => mediaId !== undefined).length} with a picture)`,
    `${deleted.length} of them deleted`,
    `${all(likes) + unlikes} likes, ${unlikes} taken back`,
    `${comments.length + deletedComments.length} comments, ${edits} times one was changed, ${deletedComments.length} deleted`,
    `${all(shares)} shares`,
    `${follows} follows, ${unfollows} taken back`,
  ].join(', ')
}
