/**
 * Which layer of caches answered what, told to the signed-in person who asks about an answer to them: a request with
 * `Tideline-Debug: layers`. It says how often and where, never what; shared caches never have it.
 */
import type { ReadLayer } from '#core/edge-observations.ts'
import type { Viewer } from '../auth/tokens.ts'
import type { Services } from '../services.ts'

const ASKED_WITH = 'tideline-debug'
const ASKED_FOR = 'layers'

export class Layers {
  private readonly reads = new Map<ReadLayer, { hits: number; misses: number }>()

  read(layer: ReadLayer, hits: number, misses: number): void {
    const sums = this.reads.get(layer) ?? { hits: 0, misses: 0 }
    this.reads.set(layer, { hits: sums.hits + hits, misses: sums.misses + misses })
  }

  /** Of one request, for example `client=miss, timeline=hit, posts=isolate:43 redis:6 postgres:1, calls=redis:2 postgres:1`. */
  header(calls: Readonly<Record<string, number>>): string {
    const posts = {
      isolate: this.hits('isolate'),
      redis: this.hits('post'),
      postgres: this.hits('postgres'),
      nowhere: this.reads.get('postgres')?.misses ?? 0,
    }
    const authors = { redis: this.hits('author'), postgres: this.reads.get('author')?.misses ?? 0 }
    const parts = [
      outcome('client', this.reads.get('client')),
      outcome('timeline', this.reads.get('timeline')),
      amounts('authors', authors),
      amounts('posts', posts),
      amounts('calls', calls),
    ]
    return parts.filter((part) => part !== '').join(', ')
  }

  private hits(layer: ReadLayer): number {
    return this.reads.get(layer)?.hits ?? 0
  }
}

const outcome = (name: string, read: { hits: number } | undefined): string =>
  read === undefined ? '' : `${name}=${read.hits > 0 ? 'hit' : 'miss'}`

function amounts(name: string, places: Readonly<Record<string, number>>): string {
  const told = Object.entries(places).filter(([, amount]) => amount > 0)
  return told.length === 0 ? '' : `${name}=${told.map(([place, amount]) => `${place}:${amount}`).join(' ')}`
}

/** Null where nobody asks, which is the rule: then nothing is kept. */
export const layersAsked = (headers: Headers): Layers | null =>
  headers.get(ASKED_WITH) === ASKED_FOR ? new Layers() : null

/** The same services, whose counts of reads are kept for this request, too. */
export function watchedServices(services: Services, layers: Layers): Services {
  const { observations } = services
  return {
    ...services,
    observations: {
      answered: (...seen) => observations.answered(...seen),
      read(...seen) {
        layers.read(...seen)
        observations.read(...seen)
      },
      degraded: (...seen) => observations.degraded(...seen),
      shed: (...seen) => observations.shed(...seen),
      opened: (...seen) => observations.opened(...seen),
      takeDue: (nowMs) => observations.takeDue(nowMs),
      putBack: (seen) => observations.putBack(seen),
    },
  }
}

/** Whether an answer is this person's and no shared cache's. */
export function mayBeTold(viewer: Viewer | null, answer: Headers): boolean {
  return viewer !== null && /\b(private|no-store)\b/.test(answer.get('cache-control') ?? '')
}
