/** The Worker's settings, parsed once at the door: a wrong one stops the first request with a sentence in the log. */

import { z } from 'zod'
import { type SigningKey, signingKeysSetting } from '#core/image/sign.ts'

/** Generated settings and secrets, and the bucket that only deployments on R2 bind. */
export type Bindings = ImageEnv & { readonly ORIGINALS?: R2Bucket }

export interface S3Settings {
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface Config {
  readonly signingKeys: readonly SigningKey[]
  /** Who is told what was counted; null: nobody. */
  readonly origin: { readonly url: string; readonly token: string } | null
  readonly store: { readonly kind: 'r2'; readonly bucket: R2Bucket } | ({ readonly kind: 's3' } & S3Settings)
}

const s3Settings = z.object({
  S3_ENDPOINT: z.url({ protocol: /^https?$/ }).transform((endpoint) => endpoint.replace(/\/+$/, '')),
  S3_BUCKET: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
  S3_REGION: z.string().min(1).default('us-east-1'),
  S3_ACCESS_KEY_ID: z.string().min(1),
  S3_SECRET_ACCESS_KEY: z.string().min(1),
})

/** Without a token nobody is told: no reason to serve no pictures. */
const originSettings = z
  .object({
    ORIGIN_URL: z.union([z.literal(''), z.url({ protocol: /^https?$/ })]).default(''),
    SERVICE_TOKEN: z.string().default(''),
  })
  .transform(({ ORIGIN_URL: url, SERVICE_TOKEN: token }) =>
    url === '' || token === '' ? null : { url: url.replace(/\/+$/, ''), token },
  )

/** @throws Error naming every setting that is missing or wrong, never its value. */
export function readConfig(env: Bindings): Config {
  const keys = checked(z.object({ IMAGE_SIGNING_KEYS: signingKeysSetting }), env).IMAGE_SIGNING_KEYS
  const origin = checked(originSettings, env)
  if (env.ORIGINALS) return { signingKeys: keys, origin, store: { kind: 'r2', bucket: env.ORIGINALS } }
  const s3 = checked(s3Settings, env)
  return {
    signingKeys: keys,
    origin,
    store: {
      kind: 's3',
      endpoint: s3.S3_ENDPOINT,
      bucket: s3.S3_BUCKET,
      region: s3.S3_REGION,
      accessKeyId: s3.S3_ACCESS_KEY_ID,
      secretAccessKey: s3.S3_SECRET_ACCESS_KEY,
    },
  }
}

function checked<T extends z.ZodType>(schema: T, env: Bindings): z.output<T> {
  const parsed = schema.safeParse(env)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`The image Worker is not configured: ${faults.join('; ')}`)
}
