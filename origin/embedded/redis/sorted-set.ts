import type { Random } from '#core/ids.ts'
import { SkipList, type SkipNode } from './skip-list.ts'

export type ScoredMember = readonly [member: string, score: number]

/** A span of ranks: from `start` up to but not including `end`, 0 being the lowest score. */
export interface RankSpan {
  readonly start: number
  readonly end: number
}

/** Members with scores: a map for O(1) scores, a skip list for the order. */
export class SortedSet {
  readonly #scores = new Map<string, number>()
  readonly #order: SkipList

  constructor(random: Random) {
    this.#order = new SkipList(random)
  }

  get size(): number {
    return this.#scores.size
  }

  score(member: string): number | undefined {
    return this.#scores.get(member)
  }

  members(): IterableIterator<string> {
    return this.#scores.keys()
  }

  set(member: string, score: number): void {
    const old = this.#scores.get(member)
    // −0 and 0 share a place but print differently; the first stays, as in the server.
    if (old === score) return
    if (old !== undefined) this.#order.delete(old, member)
    this.#order.insert(score, member)
    this.#scores.set(member, score)
  }

  delete(member: string): boolean {
    const score = this.#scores.get(member)
    if (score === undefined) return false
    this.#order.delete(score, member)
    this.#scores.delete(member)
    return true
  }

  /** The rank from the lowest, or undefined. */
  rank(member: string): number | undefined {
    const score = this.#scores.get(member)
    return score === undefined ? undefined : this.#order.rank(score, member)
  }

  countWhile(isBefore: (node: SkipNode) => boolean): number {
    return this.#order.countWhile(isBefore)
  }

  /** The elements of a span, ascending or, reversed, descending. */
  slice(span: RankSpan, reverse = false): ScoredMember[] {
    const count = Math.min(span.end, this.size) - Math.max(0, span.start)
    const found: ScoredMember[] = []
    let node = count > 0 ? this.#edge(reverse ? span.start + count - 1 : span.start) : undefined
    while (node && found.length < count) {
      found.push([node.member, node.score])
      node = reverse ? node.back : node.next[0]
    }
    return found
  }

  #edge(rank: number): SkipNode | undefined {
    if (rank === 0) return this.#order.first
    return rank === this.size - 1 ? this.#order.last : this.#order.at(rank)
  }

  *[Symbol.iterator](): IterableIterator<ScoredMember> {
    for (let node = this.#order.first; node; node = node.next[0]) yield [node.member, node.score]
  }
}
