import { describe, expect, test } from 'vitest'
import {
  type BucketRules,
  corsRule,
  lifecycleRules,
  withoutOurs,
  withoutPublicRead,
  withRules,
} from './bucket-rules.ts'

const RULES: BucketRules = { uploadPrefix: 'uploads/', uploadDays: 2, partDays: 1, origins: ['*'] }
const both = (rules = RULES) => Object.values(lifecycleRules(rules))

describe('lifecycle rules', () => {
  test('are written where there are none, and not again', () => {
    const document = withRules('LifecycleConfiguration', null, both())
    expect(document).toContain('<Prefix>uploads/</Prefix>')
    expect(withRules('LifecycleConfiguration', document, both())).toBeNull()
  })

  test('replace former ones of ours, and keep those of others as they are', () => {
    const theirs = '<Rule><ID>theirs &amp; mine</ID><Status>Enabled</Status></Rule>'
    const former = withRules('LifecycleConfiguration', `<X>${theirs}</X>`, both()) ?? ''
    const now = withRules('LifecycleConfiguration', former, both({ ...RULES, uploadDays: 7 })) ?? ''
    expect(now).toContain(theirs)
    expect(now).toContain('<Days>7</Days>')
    expect(now).not.toContain('<Days>2</Days>')
  })

  test('that a server did not take are asked for again', () => {
    const [expiry] = both()
    const partly = withRules('LifecycleConfiguration', null, expiry === undefined ? [] : [expiry])
    expect(withRules('LifecycleConfiguration', partly, both())).not.toBeNull()
  })
})

test('the rule for pages has another name for other origins', () => {
  expect(corsRule({ ...RULES, origins: ['https://a.example'] }).id).not.toBe(corsRule(RULES).id)
  expect(corsRule({ ...RULES, origins: ['https://a.example?b&c'] }).xml).toContain('&#38;')
})

describe('the policy', () => {
  const theirs = { Sid: 'Theirs', Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::1:root' }, Action: 's3:*' }

  test('refuses strangers, once', () => {
    const policy = withoutPublicRead(null, 'media') ?? ''
    expect(JSON.parse(policy)).toMatchObject({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny' }, { Effect: 'Deny' }],
    })
    expect(withoutPublicRead(policy, 'media')).toBeNull()
  })

  test('keeps what others say, and goes without a trace of them lost', () => {
    const before = JSON.stringify({ Version: '2012-10-17', Statement: [theirs] })
    const policy = withoutPublicRead(before, 'media') ?? ''
    expect(JSON.parse(policy)).toMatchObject({ Statement: [theirs, { Effect: 'Deny' }, { Effect: 'Deny' }] })
    expect(JSON.parse(withoutOurs(policy) ?? '')).toEqual(JSON.parse(before))
    expect(withoutOurs(withoutPublicRead(null, 'media') ?? '')).toBeNull()
  })
})
