import { describe, expect, it } from 'vitest'
import { edgeObservations } from '#core/edge-observations.ts'
import engage from '../../ops/grafana/dashboards/engage.json?raw'
import publish from '../../ops/grafana/dashboards/publish-a-post.json?raw'
import readTheFeed from '../../ops/grafana/dashboards/read-the-feed.json?raw'
import machinery from '../../ops/grafana/dashboards/the-machinery.json?raw'
import alerts from '../../ops/prometheus/alerts.yaml?raw'
import { call, env, person, services } from './testing.ts'

describe('what an isolate has counted', () => {
  it('names routes by their pattern, and knows where a feed found what it read', async () => {
    const ann = await person()
    services.observations.takeDue(Number.MAX_SAFE_INTEGER)
    await call('GET /v1/feed', { token: ann.token })
    await call('GET /v1/posts/4711', { token: ann.token })
    await call('GET /v1/no/such/route')
    const taken = services.observations.takeDue(Number.MAX_SAFE_INTEGER * 2)
    expect(taken?.answers.map(({ route, status }) => `${status} ${route}`)).toEqual(
      expect.arrayContaining(['200 GET /v1/feed', '404 GET /v1/posts/:id', '404 GET /v1/*']),
    )
    expect(taken?.reads.map(({ layer }) => layer)).toContain('timeline')
    expect(edgeObservations.parse(taken)).toEqual(taken)
  })

  it("ends in the origin's metrics, which have every name that an alert or a dashboard asks for", async () => {
    const ann = await person()
    await call('GET /v1/feed', { token: ann.token })
    const { origin, observations } = services
    const taken = observations.takeDue(Number.MAX_SAFE_INTEGER * 4)
    if (taken === null) throw new Error('it was due')
    await origin.call('observe.edge', taken, { requestId: 'request-0002', traceparent: '' })
    const answer = await fetch(`${env.ORIGIN_URL}/metrics`, {
      headers: { authorization: `Bearer ${env.SERVICE_TOKEN}` },
    })
    const text = await answer.text()
    expect(text).toMatch(/^tideline_edge_request_seconds_count\{route="GET \/v1\/feed",status="200"\} [1-9]/m)
    expect(text).toMatch(/^tideline_edge_reads_total\{layer="timeline",outcome="(hit|miss)"\} [1-9]/m)
    const names = new Set([...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name))
    const asked = [alerts, readTheFeed, publish, engage, machinery].flatMap(
      (file) => file.match(/\btideline_\w+/g) ?? [],
    )
    expect(asked.length).toBeGreaterThan(30)
    expect(asked.filter((name) => !names.has(name.replace(/_(bucket|count)$/, '')))).toEqual([])
  })
})
