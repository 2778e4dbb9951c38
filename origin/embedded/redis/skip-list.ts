import type { Random } from '#core/ids.ts'

/**
 * A skip list with spans (Pugh 1990, ranks after Pugh's "A Skip List Cookbook"), ordered by score and, where scores are equal, bytewise by member:
 * insert, delete, rank and the nth element in O(log n).
 */
export interface SkipNode {
  readonly member: string
  readonly score: number
  /** next[l] is the following node on level l; span[l] is how many elements that step passes. */
  readonly next: (SkipNode | undefined)[]
  readonly span: number[]
  back: SkipNode | undefined
}

const MAX_LEVEL = 32
const PROMOTION = 0.25

export class SkipList {
  readonly #random: Random
  readonly #head: SkipNode
  #tail: SkipNode | undefined
  #level = 1
  #length = 0
  /** Scratch space of one insert or delete: the last node before the place on each level, and its rank. */
  readonly #before: SkipNode[] = []
  readonly #rank: number[] = []

  constructor(random: Random) {
    this.#random = random
    this.#head = node('', 0, MAX_LEVEL)
  }

  get length(): number {
    return this.#length
  }

  get first(): SkipNode | undefined {
    return this.#head.next[0]
  }

  get last(): SkipNode | undefined {
    return this.#tail
  }

  insert(score: number, member: string): void {
    this.#locate(score, member)
    const level = this.#randomLevel()
    for (let i = this.#level; i < level; i++) {
      this.#before[i] = this.#head
      this.#rank[i] = 0
      this.#head.span[i] = this.#length
    }
    if (level > this.#level) this.#level = level
    const added = node(member, score, level)
    const place = this.#rank[0]!
    for (let i = 0; i < level; i++) {
      const before = this.#before[i]!
      const passed = place - this.#rank[i]!
      added.next[i] = before.next[i]
      added.span[i] = before.span[i]! - passed
      before.next[i] = added
      before.span[i] = passed + 1
    }
    for (let i = level; i < this.#level; i++) this.#before[i]!.span[i]!++
    added.back = this.#before[0] === this.#head ? undefined : this.#before[0]
    const following = added.next[0]
    if (following) following.back = added
    else this.#tail = added
    this.#length++
  }

  /** Removes the element, which must be there. */
  delete(score: number, member: string): void {
    this.#locate(score, member)
    const found = this.#before[0]!.next[0]
    if (!found || found.member !== member) throw new Error('sorted set and its index disagree')
    for (let i = 0; i < this.#level; i++) {
      const before = this.#before[i]!
      if (before.next[i] === found) {
        before.span[i] = before.span[i]! + found.span[i]! - 1
        before.next[i] = found.next[i]
      } else before.span[i]!--
    }
    const following = found.next[0]
    if (following) following.back = found.back
    else this.#tail = found.back
    while (this.#level > 1 && !this.#head.next[this.#level - 1]) this.#level--
    this.#length--
  }

  /** How many elements come before (score, member). */
  rank(score: number, member: string): number {
    this.#locate(score, member)
    return this.#rank[0]!
  }

  /** The element at a rank, 0 being the lowest. */
  at(rank: number): SkipNode | undefined {
    if (rank < 0 || rank >= this.#length) return undefined
    let left = rank + 1
    let current = this.#head
    for (let i = this.#level - 1; i >= 0; i--) {
      while (current.next[i] && current.span[i]! <= left) {
        left -= current.span[i]!
        current = current.next[i]!
        if (left === 0) return current
      }
    }
    return undefined
  }

  /** How many elements `isBefore` holds for; it must hold for a prefix of the order. */
  countWhile(isBefore: (node: SkipNode) => boolean): number {
    let rank = 0
    let current = this.#head
    for (let i = this.#level - 1; i >= 0; i--) {
      let next = current.next[i]
      while (next && isBefore(next)) {
        rank += current.span[i]!
        current = next
        next = current.next[i]
      }
    }
    return rank
  }

  /** Fills #before and #rank for the place of (score, member). */
  #locate(score: number, member: string): void {
    let current = this.#head
    let rank = 0
    for (let i = this.#level - 1; i >= 0; i--) {
      let next = current.next[i]
      while (next && (next.score < score || (next.score === score && next.member < member))) {
        rank += current.span[i]!
        current = next
        next = current.next[i]
      }
      this.#before[i] = current
      this.#rank[i] = rank
    }
  }

  #randomLevel(): number {
    let level = 1
    while (level < MAX_LEVEL && this.#random() < PROMOTION) level++
    return level
  }
}

function node(member: string, score: number, level: number): SkipNode {
  const next: (SkipNode | undefined)[] = []
  const span: number[] = []
  for (let i = 0; i < level; i++) {
    next.push(undefined)
    span.push(0)
  }
  return { member, score, next, span, back: undefined }
}
