import * as SNS from '@aws-sdk/client-sns';
import { randomUUID } from 'node:crypto';
import { notImplemented } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { deliver, topicFor, type SnsContext } from './context.ts';
import { invalid, keyFault } from './faults.ts';
import { fits, parseFilterPolicy } from './filter-policy.ts';
import type { TopicRecord } from './records.ts';

const MOST_BYTES = 262_144;

type Entry = Pick<
  SNS.PublishCommandInput,
  | 'Message'
  | 'Subject'
  | 'MessageStructure'
  | 'MessageAttributes'
  | 'MessageGroupId'
  | 'MessageDeduplicationId'
>;

/** Publishing: the message is on disk for every subscription before the caller hears its id. */
export function publishHandlers(context: SnsContext): Handlers<typeof SNS> {
  const requireKey = (topic: TopicRecord, call: Call): void => {
    const key = topic.attributes['KmsMasterKeyId'];
    if (key === undefined || key === 'alias/aws/sns') return;
    try {
      context.platform.keys.requireUsable(key, call, ['kms:GenerateDataKey', 'kms:Decrypt']);
    } catch (err) {
      throw keyFault(err);
    }
  };
  return {
    async Publish(input, call) {
      if (input.PhoneNumber !== undefined) throw notImplemented('sns', 'Publish to a PhoneNumber');
      const arn = input.TopicArn ?? input.TargetArn;
      if (arn === undefined) throw invalid('TopicArn or TargetArn Reason: no value for required parameter');
      const topic = topicFor(context, call, 'sns:Publish', arn);
      checkEntry(input);
      if (sizeOf(input) > MOST_BYTES) throw invalid('Message too long');
      requireKey(topic, call);
      return { MessageId: await publish(context, topic, input) };
    },
    async PublishBatch({ TopicArn, PublishBatchRequestEntries: entries = [] }, call) {
      const topic = topicFor(context, call, 'sns:Publish', TopicArn);
      if (entries.length === 0)
        throw new SNS.EmptyBatchRequestException({
          message: "The batch request doesn't contain any entries.",
          $metadata: {},
        });
      if (entries.length > 10)
        throw new SNS.TooManyEntriesInBatchRequestException({
          message: 'The batch request contains more entries than permissible (more than 10).',
          $metadata: {},
        });
      const ids = entries.map(({ Id = '' }) => Id);
      if (new Set(ids).size < ids.length)
        throw new SNS.BatchEntryIdsNotDistinctException({
          message: 'Two or more batch entries in the request have the same Id.',
          $metadata: {},
        });
      if (ids.some((id) => !/^[\w-]{1,80}$/.test(id)))
        throw new SNS.InvalidBatchEntryIdException({
          message: "The Id of a batch entry in a batch request doesn't abide by the specification.",
          $metadata: {},
        });
      if (entries.reduce((sum, entry) => sum + sizeOf(entry), 0) > MOST_BYTES)
        throw new SNS.BatchRequestTooLongException({
          message: 'The length of all the batch messages put together is more than the limit.',
          $metadata: {},
        });
      requireKey(topic, call);
      const Successful: SNS.PublishBatchResultEntry[] = [];
      const Failed: SNS.BatchResultErrorEntry[] = [];
      for (const entry of entries) {
        try {
          checkEntry(entry);
          Successful.push({ Id: entry.Id, MessageId: await publish(context, topic, entry) });
        } catch (err) {
          if (!(err instanceof SNS.InvalidParameterException)) throw err;
          Failed.push({ Id: entry.Id, Code: 'InvalidParameter', Message: err.message, SenderFault: true });
        }
      }
      return { Successful, Failed };
    },
  };
}

async function publish(context: SnsContext, topic: TopicRecord, entry: Entry): Promise<string> {
  const { store, platform } = context;
  const MessageId = randomUUID();
  const Timestamp = platform.clock.now().toISOString();
  const attributes = entry.MessageAttributes ?? {};
  for (const subscription of store.of(topic)) {
    if (subscription.token !== undefined) continue;
    const filter = subscription.attributes['FilterPolicy'];
    if (filter !== undefined && !fits(parseFilterPolicy(filter), attributes)) continue;
    const envelope = {
      ...{ Type: 'Notification', MessageId, TopicArn: topic.arn, Timestamp },
      ...(entry.Subject === undefined ? {} : { Subject: entry.Subject }),
      Message: textFor(entry, subscription.protocol),
    };
    await deliver(context, topic, subscription, envelope, shown(attributes));
  }
  return MessageId;
}

/** With the structure `json` each protocol may have a text of its own. */
function textFor({ Message = '', MessageStructure }: Entry, protocol: string): string {
  if (MessageStructure !== 'json') return Message;
  const texts = JSON.parse(Message) as Record<string, string>;
  return texts[protocol] ?? texts['default'] ?? '';
}

function shown(attributes: NonNullable<Entry['MessageAttributes']>) {
  const entries = Object.entries(attributes);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(
    entries.map(([name, { DataType = 'String', StringValue, BinaryValue }]) => [
      name,
      { Type: DataType, Value: StringValue ?? Buffer.from(BinaryValue ?? []).toString('base64') },
    ]),
  );
}

function checkEntry({ Message, Subject, MessageStructure, MessageAttributes = {}, ...fifo }: Entry): void {
  if (fifo.MessageDeduplicationId !== undefined)
    throw invalid(
      'MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
    );
  if (Message === undefined || Message === '') throw invalid('Empty message');
  if (Subject !== undefined && !/^[!-~][ -~]{0,99}$/.test(Subject)) throw invalid('Subject');
  if (MessageStructure !== undefined && MessageStructure !== 'json') throw invalid('MessageStructure');
  if (MessageStructure === 'json') checkStructure(Message);
  for (const [name, { DataType = '', StringValue, BinaryValue }] of Object.entries(MessageAttributes)) {
    if (!/^(String|Number|Binary)(\..+)?$/.test(DataType))
      throw invalid(`The message attribute '${name}' must contain a non-empty message attribute type.`);
    if (StringValue === undefined && BinaryValue === undefined)
      throw invalid(
        `The message attribute '${name}' must contain a non-empty message attribute value for message attribute type '${DataType}'.`,
      );
    if (DataType.startsWith('Number') && !Number.isFinite(Number(StringValue)))
      throw invalid(`Could not cast message attribute '${name}' value to number.`);
  }
}

function checkStructure(message: string): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(message);
  } catch {
    throw invalid('Message Structure - JSON message body failed to parse');
  }
  if (typeof parsed !== 'object' || parsed === null || !('default' in parsed))
    throw invalid('Message Structure - No default entry in JSON message body');
}

function sizeOf({ Message = '', MessageAttributes = {} }: Entry): number {
  const attributes = Object.entries(MessageAttributes).map(
    ([name, { DataType = '', StringValue = '', BinaryValue }]) =>
      Buffer.byteLength(name + DataType + StringValue) + (BinaryValue?.byteLength ?? 0),
  );
  return attributes.reduce((sum, size) => sum + size, Buffer.byteLength(Message));
}
