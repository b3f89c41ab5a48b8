import * as KMS from '@aws-sdk/client-kms';
import * as SNS from '@aws-sdk/client-sns';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createVerify, X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './support/eventually.ts';
import { Laboratory, policy, PRODUCTION, VAULT } from './support/local-aws.ts';

interface Message extends Record<string, string> {
  Type: string;
  Message: string;
  SubscribeURL: string;
}

let lab: Laboratory;
let sns: SNS.SNSClient;
let receiver: Server;
let endpoint: string;
const received: { headers: Record<string, unknown>; body: string }[] = [];
/** What the receiver answers next; 200 when empty, and nothing at all for 0. */
const answers: number[] = [];

beforeAll(async () => {
  lab = await Laboratory.start();
  sns = client();
  receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
      const answer = answers.shift() ?? 200;
      if (answer > 0) response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/alerts`;
});
afterEach(() => {
  received.length = 0;
  answers.length = 0;
});
afterAll(async () => {
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
  await lab.close();
});

const client = (account = PRODUCTION) => new SNS.SNSClient(lab.config(lab.admin(account)));
const topic = async (Name: string, Attributes?: Record<string, string>) =>
  (await sns.send(new SNS.CreateTopicCommand({ Name, Attributes }))).TopicArn!;
const next = () => eventually('a message arrives', () => received.shift());
const parsed = ({ body }: { body: string }) => JSON.parse(body) as Message;

async function subscribed(TopicArn: string, Attributes?: Record<string, string>): Promise<string> {
  const asked = { TopicArn, Protocol: 'http', Endpoint: endpoint, Attributes, ReturnSubscriptionArn: true };
  const { SubscriptionArn } = await sns.send(new SNS.SubscribeCommand(asked));
  const confirmation = parsed(await next());
  expect((await fetch(confirmation.SubscribeURL)).status).toBe(200);
  return SubscriptionArn!;
}

function isSigned(message: Message, names: readonly string[], certificate: string): boolean {
  const text = names.flatMap((name) => (name in message ? [`${name}\n${message[name]!}\n`] : [])).join('');
  const algorithm = message['SignatureVersion'] === '2' ? 'RSA-SHA256' : 'RSA-SHA1';
  const key = new X509Certificate(certificate).publicKey;
  return createVerify(algorithm).update(text).verify(key, message['Signature']!, 'base64');
}

test.each(['1', '2'])(
  'a confirmed receiver gets messages with a valid signature of version %s',
  async (version) => {
    const TopicArn = await topic(`signed-${version}`, { SignatureVersion: version });
    const asked = { TopicArn, Protocol: 'http', Endpoint: endpoint };
    expect((await sns.send(new SNS.SubscribeCommand(asked))).SubscriptionArn).toBe('pending confirmation');
    const confirmation = parsed(await next());
    await sns.send(new SNS.PublishCommand({ TopicArn, Message: 'too early' }));
    await sns.send(new SNS.ConfirmSubscriptionCommand({ TopicArn, Token: confirmation['Token'] }));
    await expect(sns.send(new SNS.ConfirmSubscriptionCommand({ TopicArn, Token: 'wrong' }))).rejects.toThrow(
      SNS.InvalidParameterException,
    );
    const MessageAttributes = { severity: { DataType: 'String', StringValue: 'page' } };
    const { MessageId } = await sns.send(
      new SNS.PublishCommand({
        TopicArn,
        Subject: 'Exposure',
        Message: 'no verified copy: ü',
        MessageAttributes,
      }),
    );
    const arrived = await next();
    const message = parsed(arrived);
    expect(arrived.headers).toMatchObject({
      'x-amz-sns-message-type': 'Notification',
      'x-amz-sns-topic-arn': TopicArn,
    });
    expect(message).toMatchObject({
      ...{ Type: 'Notification', MessageId, TopicArn, Subject: 'Exposure', Message: 'no verified copy: ü' },
      MessageAttributes: { severity: { Type: 'String', Value: 'page' } },
    });
    const certificate = await (await fetch(message['SigningCertURL']!)).text();
    const ofMessages = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'];
    expect(isSigned(message, ofMessages, certificate)).toBe(true);
    expect(isSigned({ ...message, Message: 'forged' }, ofMessages, certificate)).toBe(false);
    const ofConfirmations = [
      'Message',
      'MessageId',
      'SubscribeURL',
      'Timestamp',
      'Token',
      'TopicArn',
      'Type',
    ];
    expect(isSigned(confirmation, ofConfirmations, certificate)).toBe(true);
  },
);

test('a receiver that fails is tried again, and given up in the end', async () => {
  const TopicArn = await topic('retried');
  await subscribed(TopicArn);
  answers.push(500, 503);
  await sns.send(new SNS.PublishCommand({ TopicArn, Message: 'alert' }));
  const attempts = [await next(), await next(), await next()].map(parsed);
  expect(new Set(attempts.map((each) => each['MessageId'])).size).toBe(1);
  const states = async () => {
    const { deliveries } = await lab.ask('GET', `/sns/deliveries?topic=${TopicArn}`);
    return (deliveries as { kind: string; state: string; attempts: number }[])
      .filter(({ kind }) => kind === 'Notification')
      .map(({ state, attempts: count }) => [state, count]);
  };
  await eventually('it is delivered', async () => String(await states()) === 'delivered,3' || undefined);
  answers.push(500, 500, 500, 500);
  await sns.send(new SNS.PublishCommand({ TopicArn, Message: 'lost' }));
  await eventually(
    'it is given up',
    async () => String(await states()) === 'delivered,3,failed,4' || undefined,
  );
});

test('what was published before a restart is delivered after it', async () => {
  const TopicArn = await topic('restarted');
  await subscribed(TopicArn);
  answers.push(0);
  await sns.send(new SNS.PublishCommand({ TopicArn, Message: 'survives' }));
  await next();
  lab = await lab.restart();
  sns = client();
  expect(parsed(await next()).Message).toBe('survives');
});

test('filters, raw delivery and unsubscribing are heeded', async () => {
  const TopicArn = await topic('filtered');
  const FilterPolicy = JSON.stringify({
    severity: ['page', { prefix: 'warn' }],
    cost: [{ numeric: ['>', 10] }],
  });
  const arn = await subscribed(TopicArn, { RawMessageDelivery: 'true', FilterPolicy });
  const publish = (severity: string, cost: string) =>
    sns.send(
      new SNS.PublishCommand({
        TopicArn,
        Message: `${severity} ${cost}`,
        MessageAttributes: {
          severity: { DataType: 'String', StringValue: severity },
          cost: { DataType: 'Number', StringValue: cost },
        },
      }),
    );
  await publish('info', '11');
  await publish('page', '10');
  await publish('warning', '11');
  expect((await next()).body).toBe('warning 11');
  await sns.send(new SNS.UnsubscribeCommand({ SubscriptionArn: arn }));
  const { Subscriptions } = await sns.send(new SNS.ListSubscriptionsByTopicCommand({ TopicArn }));
  expect(Subscriptions).toEqual([]);
});

test('a batch says which entries failed', async () => {
  const TopicArn = await topic('batched');
  const { Successful, Failed } = await sns.send(
    new SNS.PublishBatchCommand({
      TopicArn,
      PublishBatchRequestEntries: [
        { Id: 'a', Message: 'one' },
        { Id: 'b', Message: 'two', Subject: 'line\nbreak' },
      ],
    }),
  );
  expect(Successful?.map(({ Id }) => Id)).toEqual(['a']);
  expect(Failed).toEqual([expect.objectContaining({ Id: 'b', Code: 'InvalidParameter', SenderFault: true })]);
});

test('another account publishes only where the topic policy lets it', async () => {
  const TopicArn = await topic('shared');
  const foreign = () => client(VAULT).send(new SNS.PublishCommand({ TopicArn, Message: 'x' }));
  await expect(foreign()).rejects.toThrow(SNS.AuthorizationErrorException);
  const AttributeValue = policy({
    Effect: 'Allow',
    Principal: { AWS: VAULT },
    Action: 'sns:Publish',
    Resource: TopicArn,
  });
  await sns.send(new SNS.SetTopicAttributesCommand({ TopicArn, AttributeName: 'Policy', AttributeValue }));
  await foreign();
});

test('a topic whose key is switched off takes no message', async () => {
  const kms = lab.kms();
  const { KeyMetadata } = await kms.send(new KMS.CreateKeyCommand({}));
  const TopicArn = await topic('sealed', { KmsMasterKeyId: KeyMetadata!.Arn! });
  await sns.send(new SNS.PublishCommand({ TopicArn, Message: 'x' }));
  await kms.send(new KMS.DisableKeyCommand({ KeyId: KeyMetadata!.KeyId }));
  await expect(sns.send(new SNS.PublishCommand({ TopicArn, Message: 'x' }))).rejects.toThrow(
    SNS.KMSDisabledException,
  );
});

test('wrong requests hear why', async () => {
  const TopicArn = await topic('strict');
  expect(await topic('strict')).toBe(TopicArn);
  await expect(topic('strict', { DisplayName: 'other' })).rejects.toThrow(SNS.InvalidParameterException);
  await expect(topic('first.fifo')).rejects.toMatchObject({ name: 'NotImplemented' });
  const publish = (input: Partial<SNS.PublishCommandInput>) =>
    sns.send(new SNS.PublishCommand({ TopicArn, Message: 'x', ...input }));
  await expect(publish({ Message: '' })).rejects.toMatchObject({
    message: 'Invalid parameter: Empty message',
  });
  await expect(publish({ Message: 'x'.repeat(262_145) })).rejects.toMatchObject({
    message: 'Invalid parameter: Message too long',
  });
  await expect(publish({ Subject: 'ü' })).rejects.toThrow(SNS.InvalidParameterException);
  await expect(publish({ TopicArn: `${TopicArn}-gone` })).rejects.toThrow(SNS.NotFoundException);
  const subscribe = (Protocol: string, Endpoint: string) =>
    sns.send(new SNS.SubscribeCommand({ TopicArn, Protocol, Endpoint }));
  await expect(subscribe('http', 'http://example.com/')).rejects.toMatchObject({ name: 'NotImplemented' });
  await expect(subscribe('sqs', 'arn:aws:sqs:eu-central-1:111111111111:q')).rejects.toMatchObject({
    name: 'NotImplemented',
  });
  await expect(subscribe('pigeon', 'x')).rejects.toThrow(SNS.InvalidParameterException);
});

test('e-mail is written down, with the token that confirms it', async () => {
  const TopicArn = await topic('mailed');
  await sns.send(new SNS.SubscribeCommand({ TopicArn, Protocol: 'email', Endpoint: 'sre@example.com' }));
  const read = async () =>
    (await lab.ask('GET', `/sns/deliveries?topic=${TopicArn}`))['deliveries'] as {
      body: string;
      state: string;
    }[];
  const [asked] = await read();
  expect(asked?.state).toBe('journalled');
  const Token = (JSON.parse(asked!.body) as Message)['Token'];
  await sns.send(new SNS.ConfirmSubscriptionCommand({ TopicArn, Token }));
  await sns.send(new SNS.PublishCommand({ TopicArn, Message: 'by mail' }));
  expect((await read()).at(-1)?.body).toContain('by mail');
});

test('topics are listed in pages', async () => {
  await Promise.all(Array.from({ length: 101 }, (_, index) => topic(`page-${index}`)));
  const seen = new Set<string>();
  for await (const page of SNS.paginateListTopics({ client: sns }, {}))
    for (const { TopicArn } of page.Topics!) seen.add(TopicArn!);
  expect([...seen].filter((arn) => arn.includes(':page-'))).toHaveLength(101);
});
