import {z} from 'zod';
import {isName, nameWanted} from './values.ts';

export type Named<T> = {name: string} & T;

/** Settings under one heading. A heading with nothing below it (all commented out, say) is an empty group. */
export function group<const T extends z.ZodRawShape>(settings: T) {
  const wanted: z.core.$ZodErrorMap = issue => (issue.code === 'invalid_type' ? 'a group of settings' : undefined);
  return z.preprocess(value => (value === null ? {} : value), z.strictObject(settings, {error: wanted}));
}

export function list<T extends z.ZodType>(item: T, wanted: string) {
  return z.preprocess(value => (value === null ? [] : value), z.array(item, {error: wanted}));
}

/** A section `{NAME: {…}}` as a list of `{name: NAME, …}`; a section that is not there is an empty list. */
export function named<T extends z.ZodType<object>>(section: T) {
  const nameKey = z.string().refine(isName, {error: nameWanted});
  const byName = z.record(nameKey, section, {error: 'groups of settings, each under its name'});
  return z
    .preprocess(value => (value === null ? {} : value), byName)
    .default({})
    .transform(groups => Object.entries(groups).map(([name, one]) => ({name, ...one}) as Named<z.output<T>>));
}
