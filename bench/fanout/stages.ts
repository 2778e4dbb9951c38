/** Where a fan-out's time goes: means that the origin itself has measured, read from its /metrics. */

/** Sum and count of a histogram. */
type Totals = Record<string, { sum: number; count: number }>

const STAGES = {
  /** From the making of the event at the edge, beside the 201, until the log has it. */
  inLogMs: 'tideline_ingest_delay_seconds{topic="post.created"}',
  /** … until fan-out begins with it. */
  begunMs: 'tideline_log_delay_seconds{group="fanout",topic="post.created"}',
  /** From the making of a page's message until a handler begins with it. */
  pageWaitsMs: 'tideline_log_delay_seconds{group="fanout-pages",topic="fanout.page"}',
  pageTakesMs: 'tideline_log_handle_seconds{group="fanout-pages",topic="fanout.page"}',
} as const

export type Stages = Record<keyof typeof STAGES, number | null>

async function metricLines(url: string, token: string): Promise<string[]> {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  return (await answer.text()).split('\n')
}

/** What a counter, named with its labels, stands at; 0 where nothing has been counted. */
export async function readCounter(url: string, token: string, name: string): Promise<number> {
  const line = (await metricLines(url, token)).find((text) => text.startsWith(`${name} `))
  return line === undefined ? 0 : Number(line.slice(name.length + 1))
}

export async function readTotals(url: string, token: string): Promise<Totals> {
  const totals: Totals = {}
  for (const line of await metricLines(url, token)) {
    const found = /^(\w+)_(sum|count)(\{[^}]*\})? ([\d.e+-]+)$/.exec(line)
    if (found === null) continue
    const [, name, kind, labels = '', value] = found
    const key = `${name}${labels}`
    totals[key] = { sum: 0, count: 0, ...totals[key], [String(kind)]: Number(value) }
  }
  return totals
}

/** Means of what came between two readings, in milliseconds; null for a stage that none went through. */
export function stagesBetween(before: Totals, after: Totals): Stages {
  const mean = (name: string) => {
    const count = (after[name]?.count ?? 0) - (before[name]?.count ?? 0)
    const sum = (after[name]?.sum ?? 0) - (before[name]?.sum ?? 0)
    return count === 0 ? null : Number(((sum / count) * 1_000).toFixed(1))
  }
  return {
    inLogMs: mean(STAGES.inLogMs),
    begunMs: mean(STAGES.begunMs),
    pageWaitsMs: mean(STAGES.pageWaitsMs),
    pageTakesMs: mean(STAGES.pageTakesMs),
  }
}
