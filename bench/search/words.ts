/** People and posts that never were: names of syllables, so that many resemble one another, and captions of a few thousand words. */
import { type PersonDocument, type PostDocument, personDocument, postDocument } from '../../origin/search/documents.ts'

const SYLLABLES = [
  'an',
  'bel',
  'cor',
  'da',
  'el',
  'fi',
  'gar',
  'ha',
  'il',
  'jo',
  'ka',
  'lu',
  'mi',
  'na',
  'or',
  'pe',
  'ra',
  'sa',
  'ti',
  'va',
]

export interface Corpus {
  people: (PersonDocument & { username: string })[]
  posts: PostDocument[]
  words: string[]
  tags: string[]
}

/** Half of the documents are people, half posts. Popular words and tags are few, as in any language (Zipf). */
export function inventCorpus(documents: number, random: () => number): Corpus {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const popular = <T>(list: readonly T[]): T => list[Math.floor(list.length ** random()) - 1] as T
  const word = () => Array.from({ length: 2 + Math.floor(random() * 3) }, () => pick(SYLLABLES)).join('')
  const words = [...new Set(Array.from({ length: 4_000 }, word))]
  const tags = [...new Set(Array.from({ length: 500 }, word))]
  const people = Array.from({ length: Math.ceil(documents / 2) }, (_, i) => {
    const [first, last] = [word(), word()]
    const username = `${first}_${last}${i % 10 === 0 ? '' : i}`
    const row = { userId: String(i + 1), username, displayName: `${first} ${last}`, deleted: false, version: 1 }
    return { ...personDocument(row), username }
  })
  const posts = Array.from({ length: Math.floor(documents / 2) }, (_, i) => {
    const caption = Array.from({ length: 4 + Math.floor(random() * 16) }, () => popular(words)).join(' ')
    const hashtags = Array.from({ length: Math.floor(random() * 5) }, () => popular(tags))
    return postDocument({ postId: String(i + 1), userId: '1', caption, hashtags, deleted: false, version: 1 })
  })
  return { people, posts, words, tags }
}

/** One slip of the finger: a letter left out, doubled, replaced, or swapped with its neighbour. */
export function misspell(word: string, random: () => number): string {
  const letters = [...word]
  const at = Math.floor(random() * letters.length)
  const kind = Math.floor(random() * 4)
  if (kind === 0) letters.splice(at, 1)
  else if (kind === 1) letters.splice(at, 0, letters[at] ?? '')
  else if (kind === 2) letters[at] = String.fromCharCode(97 + Math.floor(random() * 26))
  else
    letters.splice(
      Math.min(at, letters.length - 2),
      2,
      ...letters
        .slice(Math.min(at, letters.length - 2))
        .slice(0, 2)
        .reverse(),
    )
  return letters.join('')
}
