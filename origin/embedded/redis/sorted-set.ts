import type { Random } from '#core/ids.ts'
import { SkipList, type SkipNode } from './skip-list.ts'

export type ScoredMember = readonly [member: string, score: number]

/** A span of ranks: from `start` up to but not including `end`, 0 being the lowest score. */
export interface RankSpan {
  readonly start: number
  readonly end: number
}

/** Members with scores: a map for O(1) look-up, a skip list for the order. */
export class SortedSet {
  readonly #nodes = new Map<string, SkipNode>()
  readonly #order: SkipList

  constructor(random: Random) {
    this.#order = new SkipList(random)
  }

  get size(): number {
    return this.#nodes.size
  }

  score(member: string): number | undefined {
    return this.#nodes.get(member)?.score
  }

  members(): IterableIterator<string> {
    return this.#nodes.keys()
  }

  set(member: string, score: number): void {
    const old = this.score(member)
    // −0 and 0 share a place but print differently; the first stays, as in the server.
    if (old === score) return
    if (old !== undefined) this.#order.delete(old, member)
    this.#nodes.set(member, this.#order.insert(score, member))
  }

  delete(member: string): boolean {
    const score = this.score(member)
    if (score === undefined) return false
    this.#order.delete(score, member)
    this.#nodes.delete(member)
    return true
  }

  /** The rank from the lowest, or undefined. */
  rank(member: string): number | undefined {
    const score = this.score(member)
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
      node = reverse ? node.back : node.next
    }
    return found
  }

  #edge(rank: number): SkipNode | undefined {
    if (rank === 0) return this.#order.first
    return rank === this.size - 1 ? this.#order.last : this.#order.at(rank)
  }

  *[Symbol.iterator](): IterableIterator<ScoredMember> {
    for (let node = this.#order.first; node; node = node.next) yield [node.member, node.score]
  }
}
