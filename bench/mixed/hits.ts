/** How often each layer had what was asked for, as the isolates have told the origin. */

export type HitRates = Record<'timeline' | 'post' | 'isolate' | 'picture', number | null>

type Reads = Record<string, number>

/** Sums by layer and outcome, from the origin's /metrics. */
export async function readHits(originUrl: string, token: string): Promise<Reads> {
  const answer = await fetch(`${originUrl}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  return parseReads(await answer.text())
}

export function parseReads(metrics: string): Reads {
  const reads: Reads = {}
  for (const line of metrics.split('\n')) {
    const found = /^\w*edge_reads_total\{([^}]*)\} ([\d.e+]+)$/.exec(line)
    const layer = /layer="(\w+)"/.exec(found?.[1] ?? '')?.[1]
    const outcome = /outcome="(\w+)"/.exec(found?.[1] ?? '')?.[1]
    if (layer !== undefined && outcome !== undefined) reads[`${layer} ${outcome}`] = Number(found?.[2])
  }
  return reads
}

/** Hits over hits and misses of what came between two readings; null for a layer that nobody asked. */
export function ratesBetween(before: Reads, after: Reads): HitRates {
  const rate = (layer: string) => {
    const grown = (outcome: string) => (after[`${layer} ${outcome}`] ?? 0) - (before[`${layer} ${outcome}`] ?? 0)
    const all = grown('hit') + grown('miss')
    return all === 0 ? null : Number((grown('hit') / all).toFixed(4))
  }
  return { timeline: rate('timeline'), post: rate('post'), isolate: rate('isolate'), picture: rate('picture') }
}
