/** Documents and queries for the suites of search: names, handles and tags that resemble one another. */
import fc from 'fast-check'

/** Names that resemble one another, in several scripts, with and without marks. */
const NAMES = [
  'Ana',
  'Anna',
  'Anná',
  'Hanna',
  'Johanna',
  'Jonathan',
  'Jonatan',
  'Jürgen',
  'Jurgen',
  'Ærø',
  'Łódź',
  'Zoë',
]
const MORE_NAMES = [
  'Straße',
  'ΟΔΥΣΣΕΎΣ',
  'Наталья',
  'Natalia',
  '東京',
  '東京都',
  '山田花子',
  'みさき',
  '한국어',
  'ไทย',
  'مُحَمَّد',
  '🎉',
]
const HANDLES = [
  'ana',
  'anna',
  'ana_maria',
  'an.na',
  'hanna',
  'jonathan',
  'jonatan99',
  'x_50',
  'natalia',
  'yamada',
  'yamato',
]
const TAGS = ['sea', 'séa', 'seaside', 'sky', 'skyline', '東京', '東京都', 'ocean', 'oceans', 'море']

const name = fc
  .array(fc.constantFrom(...NAMES, ...MORE_NAMES), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join(' '))
const username = fc
  .tuple(fc.constantFrom(...HANDLES), fc.nat(30))
  .map(([handle, n]) => (n < 8 ? handle : `${handle}${n}`))
const written = fc.record({
  name,
  username,
  tags: fc.subarray(TAGS, { maxLength: 4 }),
  deleted: fc.nat(9).map((n) => n === 0),
})
/** Rows with ids in their order, some deleted. */
export const corpus = fc
  .array(written, { minLength: 5, maxLength: 40 })
  .map((list) => list.map(({ deleted, ...row }, i) => ({ ...row, id: String(i + 1), deleted })))
const begun = fc
  .tuple(fc.constantFrom(...NAMES, ...MORE_NAMES, ...HANDLES, ...TAGS), fc.nat(8))
  .map(([text, cut]) => [...text].slice(0, Math.max(1, [...text].length - cut)).join(''))
/** What people type: a name or a tag or a handle, whole or begun. */
export const query = fc.array(begun, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(' '))

/** One edit of a word: a letter left out, put in, replaced, or swapped with its neighbour. */
export function misspell(word: string, kind: number, place: number): string {
  const letters = [...word]
  const at = place % letters.length
  if (kind === 0) letters.splice(at, 1)
  if (kind === 1) letters.splice(at, 0, 'q')
  if (kind === 2) letters[at] = 'q'
  if (kind === 3) letters.splice(at, 2, ...letters.slice(at, at + 2).reverse())
  return letters.join('')
}

type Ask = { q: string; limit: number; cursor: string | null }
type Page<T> = { items: T[]; cursor: string | null }

/** All pages of a list; `between` runs after each but the last. */
export async function walk<T>(
  method: (ask: Ask) => Promise<Page<T>>,
  q: string,
  limit: number,
  between?: () => Promise<void>,
) {
  const walked: T[] = []
  for (let cursor: string | null = null; ; ) {
    const page = await method({ q, limit, cursor })
    walked.push(...page.items)
    cursor = page.cursor
    if (cursor === null) return walked
    await between?.()
  }
}
