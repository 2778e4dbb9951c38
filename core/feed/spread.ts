/** Spreading: nobody's posts stand next to each other more than twice, as long as somebody else's are left. */

/** Of one author in a row: a third says less of a feed than the next author's first. */
export const MOST_IN_A_ROW = 2

/**
 * The same items in nearly the same order: the one that would be its author's third in a row waits until another author's has stood
 * before it. Each author's items keep their order. Where nobody else's are left, the rest follows as it is. O(n).
 * @param authorOf names the author of an item; whatever tells authors apart will do
 * @param before what has been shown already, last: the row may go on from there
 */
export function spreadAuthors<T, A>(
  items: readonly T[],
  authorOf: (item: T) => A,
  before: readonly NoInfer<A>[] = [],
): T[] {
  const spread: T[] = []
  /** Those that wait: all of one author, whose row has just been ended or is as long as it may be. */
  const waiting: T[] = []
  let first = 0
  let row: { author: A; length: number } | null = null
  const extend = (author: A) => {
    if (row?.author === author) row.length++
    else row = { author, length: 1 }
  }
  const isFull = (author: A) => row !== null && row.author === author && row.length >= MOST_IN_A_ROW
  before.forEach(extend)
  for (const item of items) {
    const author = authorOf(item)
    if (isFull(author)) {
      waiting.push(item)
      continue
    }
    extend(author)
    spread.push(item)
    for (let next = waiting[first]; next !== undefined && !isFull(authorOf(next)); next = waiting[++first]) {
      extend(authorOf(next))
      spread.push(next)
    }
  }
  return [...spread, ...waiting.slice(first)]
}
