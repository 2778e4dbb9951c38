/** The same tap from outside: api Worker in workerd, over HTTP, to the origin and its store. */
import { join } from 'node:path'
import { importJWK, type JWK, SignJWT } from 'jose'
import { createTestHarness } from 'wrangler'
import { createIdFactory } from '#core/ids.ts'
import { ACCESS_TOKEN_SECONDS, TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER } from '#core/tokens.ts'
import { localOrigin, writeWorkerConfigs } from '../../ops/workers.ts'
import type { Origin } from '../../origin/main.ts'
import { publicJwks } from '../../origin/secrets.ts'
import type { BenchPost } from './post.ts'

const PARALLEL = 16

/** @returns likes a second that were answered with 200; null when one was not */
export async function likesThroughTheApi(
  origin: Origin,
  directory: string,
  publish: () => Promise<BenchPost>,
  { likes, say }: { likes: number; say(text: string): void },
): Promise<number | null> {
  const { config, engines } = origin
  const { port, gatewayPort } = origin
  const address = localOrigin(config, { port, gatewayPort, objectsEndpoint: engines.objectsEndpoint })
  const configs = writeWorkerConfigs(join(directory, 'workers'), address)
  const harness = createTestHarness({ workers: configs.map((configPath) => ({ configPath })) })
  try {
    const { url } = await harness.listen()
    const tokens = await tokensOf(origin, likes)
    const post = await publish()
    const like = (token: string) =>
      fetch(new URL(`/v1/posts/${post.id}/like`, url), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      })
    // The first requests build what the isolate keeps.
    await Promise.all(tokens.slice(0, PARALLEL).map(like))
    const statuses = new Map<number, number>()
    const startedAt = performance.now()
    const rest = tokens.slice(PARALLEL)
    let next = 0
    const worker = async () => {
      for (let token = rest[next++]; token !== undefined; token = rest[next++]) {
        const answer = await like(token)
        await answer.arrayBuffer()
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, worker))
    const seconds = (performance.now() - startedAt) / 1_000
    say(`through the api: ${JSON.stringify([...statuses])} in ${seconds.toFixed(1)} s`)
    return statuses.get(200) === rest.length ? Math.round(rest.length / seconds) : null
  } finally {
    await harness.close()
  }
}

/** Access tokens of people, signed as the origin signs them. */
async function tokensOf({ config }: Origin, wanted: number): Promise<string[]> {
  const key = await importJWK(JSON.parse(config.secrets.JWT_PRIVATE_JWK) as JWK, TOKEN_ALGORITHM)
  const kid = String(publicJwks(config.secrets).keys[0]?.kid)
  const ids = createIdFactory(Date.now, Math.random)
  const now = Math.floor(Date.now() / 1_000)
  return Promise.all(
    Array.from({ length: wanted }, (_, i) =>
      new SignJWT({ name: `person${i}`, sid: `bench-${i}` })
        .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid })
        .setSubject(ids.next(ids.randomShard()))
        .setIssuer(TOKEN_ISSUER)
        .setAudience(TOKEN_AUDIENCE)
        .setIssuedAt(now)
        .setExpirationTime(now + ACCESS_TOKEN_SECONDS)
        .sign(key),
    ),
  )
}
