/**
 * The secrets that the parts of Tideline share. In production they come from the environment and a missing or default
 * one stops the start; elsewhere they are made on the first start into the state folder, readable by its owner only.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SECRET_NAMES = [
  'SERVICE_TOKEN',
  'REDIS_REST_TOKEN',
  'DATABASE_PASSWORD',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'IMAGE_SIGNING_KEYS',
  'JWT_PRIVATE_JWK',
] as const
export type SecretName = (typeof SECRET_NAMES)[number]
export type Secrets = Readonly<Record<SecretName, string>>

/** Shorter ones can be guessed; ids of access keys are no secrets. */
const SHORTEST = 16

const token = () => randomBytes(32).toString('base64url')

/** What each secret is made of when nobody gives one. */
const make: Record<SecretName, () => string> = {
  SERVICE_TOKEN: token,
  REDIS_REST_TOKEN: token,
  DATABASE_PASSWORD: token,
  S3_ACCESS_KEY_ID: () => `tideline${randomBytes(8).toString('hex')}`,
  S3_SECRET_ACCESS_KEY: token,
  IMAGE_SIGNING_KEYS: () => `k1:${token()}`,
  JWT_PRIVATE_JWK: () => {
    const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
    return JSON.stringify({ ...jwk, kid: randomBytes(6).toString('hex'), alg: 'EdDSA', use: 'sig' })
  },
}

/**
 * The secrets from `env`, completed from (and into) `<stateDir>/secrets.json` outside production.
 * @throws Error naming the secrets that production misses
 */
export function ensureSecrets(
  stateDir: string,
  env: Readonly<Record<string, string | undefined>>,
  production: boolean,
): Secrets {
  if (production) return productionSecrets(env)
  const file = join(stateDir, 'secrets.json')
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Secrets>) : {}
  const secrets = Object.fromEntries(
    SECRET_NAMES.map((name) => [name, env[name] ?? kept[name] ?? make[name]()]),
  ) as Secrets
  if (SECRET_NAMES.some((name) => kept[name] === undefined)) {
    mkdirSync(stateDir, { recursive: true })
    writeFileSync(`${file}.tmp`, `${JSON.stringify({ ...secrets, ...kept }, null, 2)}\n`, { mode: 0o600 })
    renameSync(`${file}.tmp`, file)
  }
  return secrets
}

function productionSecrets(env: Readonly<Record<string, string | undefined>>): Secrets {
  const weak = SECRET_NAMES.filter((name) => {
    const value = env[name] ?? ''
    return name === 'S3_ACCESS_KEY_ID'
      ? value === ''
      : value.length < SHORTEST || /^(changeme|secret|password)/i.test(value)
  })
  if (weak.length > 0) {
    throw new Error(
      `With NODE_ENV=production these secrets must be set, each at least ${SHORTEST} characters and no default: ${weak.join(', ')}.`,
    )
  }
  return Object.fromEntries(SECRET_NAMES.map((name) => [name, env[name] ?? ''])) as Secrets
}

/** The public half of the signing key, as a JSON Web Key Set. */
export function publicJwks(secrets: Pick<Secrets, 'JWT_PRIVATE_JWK'>): { keys: Record<string, unknown>[] } {
  const { d: _private, ...jwk } = JSON.parse(secrets.JWT_PRIVATE_JWK) as Record<string, unknown>
  return { keys: [jwk] }
}
