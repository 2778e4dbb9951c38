/**
 * Fills a next generation from the documents' source while the current one is asked and both are written to, then puts it in
 * its place. Interrupted, it goes on where it was: writers have kept to the next generation all the while.
 */
import type { Client } from '@elastic/elasticsearch'
import type { Id } from '#core/ids.ts'
import type { Rebuild, Rebuilt } from '../store.ts'
import { asking, OPTIONS } from './connection.ts'
import type { HashtagCounts } from './hashtags.ts'
import type { Indices } from './indices.ts'
import type { Writer } from './writer.ts'

interface RebuildNeeds {
  client: Client
  indices: Indices
  counts: HashtagCounts
  writer: Writer
  work: Rebuild
}

const PAGE = 500
/** Pages between two notes of how far it is: each note is a change of the cluster's state. */
const PAGES_A_NOTE = 20

export async function rebuildNext({ client, indices, counts, writer, work }: RebuildNeeds): Promise<Rebuilt> {
  if (work.restart) await indices.dropNext()
  const progress = await indices.beginNext()
  const done: Rebuilt = { people: 0, posts: 0 }

  const fill = async <T>(
    kind: keyof Rebuilt,
    read: (after: Id, limit: number) => Promise<T[]>,
    idOf: (document: T) => Id,
    put: (documents: T[]) => Promise<(Error | null)[]>,
  ) => {
    for (let pages = 1; ; pages++) {
      const documents = await read(progress[kind], PAGE)
      const last = documents.at(-1)
      if (last === undefined) return indices.saveProgress(progress)
      const failures = (await put(documents)).filter((outcome) => outcome !== null)
      if (failures[0]) throw failures[0]
      progress[kind] = idOf(last)
      done[kind] += documents.length
      if (pages % PAGES_A_NOTE === 0) await indices.saveProgress(progress)
      work.report?.({ ...done, at: progress[kind] })
    }
  }
  await fill('people', work.people, ({ userId }) => userId, writer.people)
  await fill('posts', work.posts, ({ postId }) => postId, writer.posts)

  await counts.countAll('next')
  const index = (['people', 'posts', 'hashtags'] as const).map((kind) => indices.alias(kind, 'next'))
  await asking(() => client.indices.refresh({ index }, OPTIONS.write))
  await indices.swap()
  return done
}
