import { awsError } from './errors.ts';

/** ISO 8601, HTTP dates and epoch seconds, as clients send them in forms, headers and query strings. */
export function parseTimestamp(text: string): Date {
  const date = /^-?\d+(\.\d+)?$/.test(text) ? new Date(Number(text) * 1000) : new Date(text);
  if (Number.isNaN(date.getTime())) {
    throw awsError({ code: 'InvalidParameterValue', status: 400, message: `'${text}' is not a timestamp.` });
  }
  return date;
}
