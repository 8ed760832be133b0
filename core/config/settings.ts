import type {z} from 'zod';
import type {SettingPath} from './mistakes.ts';

/** The part of zod's description of a schema that is needed to find the names of settings in it. */
type Definition = {
  type: string;
  shape?: Record<string, z.core.$ZodType>;
  element?: z.core.$ZodType;
  valueType?: z.core.$ZodType;
  innerType?: z.core.$ZodType;
  in?: z.core.$ZodType;
  out?: z.core.$ZodType;
};

/** The names that the group at this path accepts; none where any name is accepted or no group is expected. */
export function settingNames(root: z.core.$ZodType, path: SettingPath): string[] {
  const found = path.reduce<z.core.$ZodType | undefined>((schema, step) => schema && below(schema, step), root);
  return Object.keys(found ? (definition(found).shape ?? {}) : {});
}

/** Every setting of a format as a path; `*` stands for a name that the administrator chooses. */
export function allSettings(schema: z.core.$ZodType, prefix: string[] = []): string[] {
  const {shape, element, valueType} = definition(schema);
  if (shape) return Object.entries(shape).flatMap(([name, setting]) => allSettings(setting, [...prefix, name]));
  if (valueType) return allSettings(valueType, [...prefix, '*']);
  if (element && definition(element).shape) return allSettings(element, prefix);
  return [prefix.join('.')];
}

function below(schema: z.core.$ZodType, step: string | number): z.core.$ZodType | undefined {
  const {shape, element, valueType} = definition(schema);
  return typeof step === 'number' ? element : (shape?.[step] ?? valueType);
}

/** The description of a schema without the defaults, transformations and checks around it. */
function definition(schema: z.core.$ZodType): Definition {
  const outer = schema._zod.def as Definition;
  if (outer.innerType) return definition(outer.innerType);
  if (outer.type !== 'pipe') return outer;
  const first = definition(outer.in!);
  return first.type === 'transform' ? definition(outer.out!) : first;
}
