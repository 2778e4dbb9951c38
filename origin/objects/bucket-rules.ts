/**
 * What Tideline asks of its bucket, as S3's documents. What somebody else has set there is kept: our rules are known by
 * their names, and a changed one has another name.
 */
import { createHash } from 'node:crypto'
import { elements, elementText, elementXml, parseXml, S3_NAMESPACE, xmlText } from './replies.ts'

export interface BucketRules {
  /** Where uploads lie until they are claimed. */
  uploadPrefix: string
  /** Days after which an upload that nobody claimed goes. */
  uploadDays: number
  /** Days after which the parts of an unfinished upload go. */
  partDays: number
  /** Origins of pages that may upload; `*` for any: what grants access is the signature. */
  origins: readonly string[]
}

export interface Rule {
  id: string
  xml: string
}

/** Several small rules: some servers refuse one of them, and shall have the others. */
export function lifecycleRules({ uploadPrefix, uploadDays, partDays }: BucketRules): { expiry: Rule; parts: Rule } {
  const rule = (id: string, prefix: string, action: string): Rule => ({
    id,
    xml: `<Rule><ID>${id}</ID><Filter><Prefix>${xmlText(prefix) ?? ''}</Prefix></Filter><Status>Enabled</Status>${action}</Rule>`,
  })
  return {
    expiry: rule(
      `tideline-unclaimed-uploads-${uploadDays}d`,
      uploadPrefix,
      `<Expiration><Days>${uploadDays}</Days></Expiration>`,
    ),
    // Everywhere: exports are written in parts, too.
    parts: rule(
      `tideline-unfinished-parts-${partDays}d`,
      '',
      `<AbortIncompleteMultipartUpload><DaysAfterInitiation>${partDays}</DaysAfterInitiation></AbortIncompleteMultipartUpload>`,
    ),
  }
}

/** For pages: presigned uploads, and reading what the answer says. */
export function corsRule({ origins }: BucketRules): Rule {
  const id = `tideline-page-${createHash('sha256').update(origins.join(' ')).digest('hex').slice(0, 8)}`
  const all = (name: string, values: readonly string[]) =>
    values.map((value) => `<${name}>${xmlText(value) ?? ''}</${name}>`).join('')
  const xml = [
    `<CORSRule><ID>${id}</ID>`,
    all('AllowedOrigin', origins),
    all('AllowedMethod', ['GET', 'HEAD', 'PUT']),
    all('AllowedHeader', ['*']),
    all('ExposeHeader', ['ETag']),
    '<MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule>',
  ]
  return { id, xml: xml.join('') }
}

/**
 * The rules of a document, ours among them.
 * @param current the document that the store has; null: none
 * @returns null when it has ours as they should be, and no former one of ours
 * @throws SyntaxError for a document that is no XML: written anew, it would lose what others have set
 */
export function withRules(
  document: 'LifecycleConfiguration' | 'CORSConfiguration',
  current: string | null,
  ours: readonly Rule[],
): string | null {
  const name = document === 'CORSConfiguration' ? 'CORSRule' : 'Rule'
  const found = current === null ? undefined : parseXml(current)
  if (current?.trim() && found === undefined) throw new SyntaxError(`The ${document} of the bucket is no XML.`)
  const there = found === undefined ? [] : elements(found, name)
  const ids = there.map((rule) => elementText(rule, 'ID') ?? '')
  const isOurs = (id: string) => id.startsWith('tideline-')
  const known = ids.filter(isOurs).sort().join()
  const wanted = ours.map(({ id }) => id)
  if (known === wanted.sort().join()) return null
  const others = there.filter((_, index) => !isOurs(ids[index] ?? '')).map(elementXml)
  const all = [...others, ...ours.map(({ xml }) => xml)].join('')
  return `<${document} xmlns="${S3_NAMESPACE}">${all}</${document}>`
}

const NAME = 'TidelineNoPublicRead'

/**
 * Who does not sign, in the words of several servers: S3 and MinIO know the type of a principal; SeaweedFS does not, but
 * gives strangers no user id (S3 gives them one, so that this says nothing there). S3 takes names of conditions in any case,
 * MinIO this one in lower case only.
 */
const STRANGERS: Readonly<Record<string, object>> = {
  [`${NAME}ByType`]: { StringEquals: { 'aws:principaltype': 'Anonymous' } },
  [`${NAME}ById`]: { Null: { 'aws:userid': 'true' } },
}

interface Policy {
  Version?: string
  Statement?: { Sid?: string }[]
}

/**
 * A policy by which nobody reads without a signature, whatever else is allowed: a refusal wins over every permission.
 * @param current the policy that the bucket has; null: none
 * @returns null when it says so already
 * @throws SyntaxError for a policy that is no JSON
 */
export function withoutPublicRead(current: string | null, bucket: string): string | null {
  const { Version = '2012-10-17', Statement = [], ...rest } = JSON.parse(current ?? '{}') as Policy
  const names = new Set(Statement.map(({ Sid }) => Sid))
  if (Object.keys(STRANGERS).every((name) => names.has(name))) return null
  const refusals = Object.entries(STRANGERS).map(([Sid, Condition]) => ({
    Sid,
    Effect: 'Deny',
    Principal: '*',
    Action: ['s3:GetObject', 's3:ListBucket'],
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
    Condition,
  }))
  return JSON.stringify({ ...rest, Version, Statement: [...Statement.filter(isTheirs), ...refusals] })
}

/** What of a policy is not ours; null when nothing is left. */
export function withoutOurs(policy: string): string | null {
  const { Statement = [], ...rest } = JSON.parse(policy) as Policy
  const others = Statement.filter(isTheirs)
  return others.length === 0 ? null : JSON.stringify({ ...rest, Statement: others })
}

const isTheirs = ({ Sid }: { Sid?: string }) => !Sid?.startsWith(NAME)
