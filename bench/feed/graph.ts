/** Who follows whom in the feed bench: an edge list of the caller's, or a seeded graph of the size of socfb-Reed98. */
import { readFileSync } from 'node:fs'
import { seededRandom } from '../random.ts'

export interface Graph {
  people: number
  /** followees[i]: whom person i follows. */
  followees: number[][]
}

/** socfb-Reed98 (Network Repository): 962 people, 18,812 friendships, each a follow in both directions. */
const REED98 = { people: 962, edges: 18_812 }

/** Reads lines of two whole numbers; each is a friendship. Other lines are passed over. */
export function readEdgeList(file: string): Graph {
  const index = new Map<string, number>()
  const numberOf = (name: string) => {
    const known = index.get(name)
    if (known !== undefined) return known
    index.set(name, index.size)
    return index.size - 1
  }
  const edges: [number, number][] = []
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const match = /^\s*(\d+)[\s,]+(\d+)/.exec(line)
    if (match?.[1] !== undefined && match[2] !== undefined) edges.push([numberOf(match[1]), numberOf(match[2])])
  }
  if (edges.length === 0) throw new Error(`${file} holds no edges: lines of two whole numbers are expected`)
  return fromEdges(index.size, edges)
}

/** Preferential attachment (Barabási and Albert 1999) with seeded chance. */
export function syntheticGraph(seed = 1): Graph {
  const random = seededRandom(seed)
  const ends: number[] = [0, 1]
  const edges: [number, number][] = [[0, 1]]
  const each = REED98.edges / REED98.people
  for (let person = 2; person < REED98.people; person++) {
    const links = Math.floor(each) + (random() < each % 1 ? 1 : 0)
    for (let i = 0; i < links; i++) {
      const other = ends[Math.floor(random() * ends.length)] ?? 0
      if (other === person) continue
      edges.push([person, other])
      ends.push(person, other)
    }
  }
  return fromEdges(REED98.people, edges)
}

function fromEdges(people: number, edges: readonly [number, number][]): Graph {
  const sets = Array.from({ length: people }, () => new Set<number>())
  for (const [a, b] of edges) {
    if (a === b) continue
    sets[a]?.add(b)
    sets[b]?.add(a)
  }
  return { people, followees: sets.map((set) => [...set]) }
}
