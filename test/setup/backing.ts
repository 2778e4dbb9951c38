/**
 * What the api Worker stands on, for its tests: a whole origin on embedded engines. It runs beside vitest in a Node of
 * its own, since vitest would load it with the Workers' module conditions. Handed to the Worker as its settings.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

/** Text bindings of the Worker under test; the private key lets tests sign tokens of any age, the held Redis answers when it is told. */
export interface BackingBindings {
  REDIS_REST_URL: string
  REDIS_REST_TOKEN: string
  DATABASE_HTTP_URL: string
  DATABASE_URL: string
  ORIGIN_URL: string
  SERVICE_TOKEN: string
  IMAGE_SIGNING_KEYS: string
  JWT_PUBLIC_JWKS: string
  TEST_PRIVATE_JWK: string
  TEST_HELD_REDIS_URL: string
  FEED_BUDGET_MS: string
  REDIS_TIMEOUT_MS: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    backing: BackingBindings
  }
}

const ORIGIN = fileURLToPath(new URL('./origin-process.ts', import.meta.url))

export default async function startBacking(project: TestProject): Promise<() => Promise<void>> {
  const stateDir = await mkdtemp(join(tmpdir(), 'tideline-api-'))
  const origin = spawn(process.execPath, [ORIGIN, stateDir], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(origin, 'exit')
  const line = once(createInterface(origin.stdout), 'line') as Promise<[string]>
  const first = await Promise.race([line, exited.then(() => null)])
  if (first === null) throw new Error('the origin for the tests did not start; its complaint is above')
  project.provide('backing', JSON.parse(first[0]) as BackingBindings)
  return async () => {
    origin.stdin.end()
    await exited
    await rm(stateDir, { recursive: true, force: true })
  }
}
