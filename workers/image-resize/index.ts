/** The image Worker: CDN image addresses in, immutable variants out. */
import { createBreaker } from '#core/breaker.ts'
import { Observations } from '#core/observations.ts'
import { createAdmission } from './admission.ts'
import { createImageApp, type ImageServices } from './app.ts'
import { type Bindings, readConfig } from './config.ts'
import { wasmEngine } from './engine/wasm.ts'
import { originalStore } from './originals.ts'
import { edgeVariantCache } from './variant-cache.ts'

const log = (entry: Record<string, unknown>) => console.log(JSON.stringify(entry))

/** As in the api Worker: five failures in a row are an outage; a second later one request may look again. */
const BREAKER = Object.freeze({ failures: 5, openMs: 1_000 })

const engine = wasmEngine()
const admission = createAdmission()

/** Services by environment: one entry in production, where an isolate has one environment. */
const wired = new WeakMap<Bindings, ImageServices>()

function services(env: Bindings): ImageServices {
  const known = wired.get(env)
  if (known) return known
  const config = readConfig(env)
  const cache = edgeVariantCache(caches.default, (message, fault) =>
    log({ level: 'warn', message, cause: String(fault) }),
  )
  const observations = new Observations(Date.now())
  const breaker = createBreaker(BREAKER, Date.now)
  const made = { config, engine, admission, cache, observations, originals: originalStore(config.store, breaker) }
  wired.set(env, made)
  return made
}

const app = createImageApp({ services, log, now: () => Date.now(), newRequestId: () => crypto.randomUUID() })

export default { fetch: app.fetch } satisfies ExportedHandler<ImageEnv>
