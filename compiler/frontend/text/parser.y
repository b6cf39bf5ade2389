/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The grammar of ONNX text, as onnx 1.23.2 reads it.
 *
 * The only ambiguity, type or name, is decided by the first word: where a type may stand, a type's word is a
 * type (`(float x)`, but also `(float)`: an error), elsewhere it is a name (`float = Relu (x)`). Hence `bare`,
 * a name that no type could begin, beside `name`, any name.
 *
 *   <ir_version: 8, opset_import: ["" : 17]>
 *   g (float[N,3] x) => (float[N,3] y) <float[3] b = {1, 2, 3}> { y = Add (x, b) } */
%require "3.8"
%define api.pure full
%define api.prefix {text_yy}
%define api.token.prefix {TOK_}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%define lr.type ielr
%locations
%expect 0
%parse-param {TextParser *p} {void *scanner}
%lex-param {void *scanner}

%code requires {
#include "compiler/frontend/text/tree.h"
}

%code provides {
int text_yylex_init_extra(TextParser *p, void **scanner);
int text_yylex_destroy(void *scanner);
}

%union {
    const char *text;
    TextType *type;
    Dim dim;
    TextTensor *tensor;
    TextPair pair;
    TextPairs *pairs;
    TextItem item;
    TextItems *items;
    TextValue value;
    TextValues *values;
    TextAttr *attr;
    TextAttrs *attrs;
    TextSlots *slots;
    TextOp *op;
    TextNode node;
    TextNodes *nodes;
    TextGraph *graph;
    TextHeader *header;
    TextHeaders *headers;
    TextFunction function;
}

%code {
#include <string.h>

int text_yylex(TEXT_YYSTYPE *value, Span *span, void *scanner);
static void text_yyerror(Span *span, TextParser *p, void *scanner, const char *message);

/* A place that spans nothing lies before the next token. */
#define YYLLOC_DEFAULT(at, rhs, n)                                              \
    (at) = (n) ? (Span){YYRHSLOC(rhs, 1).source, YYRHSLOC(rhs, 1).begin, YYRHSLOC(rhs, n).end} \
               : (Span){YYRHSLOC(rhs, 0).source, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end}

#define LIST(Type) NEW(p->arena, Type)
#define PUSH(list, ...)                       \
    do {                                      \
        if (!has_room(p, (list)->len))        \
            YYABORT;                          \
        vec_push(p->arena, (list), __VA_ARGS__); \
    } while (0)

enum { LONGEST_LIST = 1 << 20 }; /* of anything but data: each entry takes far more memory than text */

static bool has_room(TextParser *p, int64_t length)
{
    Span here = {p->source, p->at, p->at};
    if (length == LONGEST_LIST)
        diag_unsupported(p->diag, here, "a list of more than %d entries is not supported", LONGEST_LIST);
    return length < LONGEST_LIST;
}
}

%token YYEOF 0        "end of file"
%token <text> ID    "identifier"
%token <text> PRIM  "type"
%token <text> SEQ MAP SPARSE OPAQUE INFNAN
%token <text> STRING "string"
%token INT          "integer"
%token FLOAT        "float"
%token ARROW        "=>"

%type <text> id bare name opt_name dotted
%type <type> type dims tensor_type shaped
%type <dim> dim
%type <tensor> data opt_data tensor
%type <pair> pair
%type <pairs> pairs opt_pairs
%type <item> item vi
%type <items> items opt_items inputs outputs vis opt_vis extra
%type <value> value
%type <values> values opt_values
%type <attr> attr param
%type <attrs> attrs attr_list params param_list
%type <slots> slots slot_prefix
%type <op> op
%type <text> label
%type <node> node
%type <nodes> nodes node_list
%type <graph> graph graph_tail
%type <header> header
%type <headers> headers header_list
%type <function> function

%%

model: headers graph functions   { p->headers = $1; p->graph = $2; } ;
functions: %empty | functions function { PUSH(&p->functions, $2); } ;

/* ── Headers ── */

headers: %empty                  { $$ = NULL; }
       | '<' header_list '>'     { $$ = $2; } ;
header_list: header              { $$ = LIST(TextHeaders); PUSH($$, *$1); }
       | header_list ',' header  { $$ = $1; PUSH($$, *$3); } ;
header: id ':' INT               { $$ = NEW(p->arena, TextHeader);
                                   *$$ = (TextHeader){.key = $1, .kind = HEADER_INT, .span = @1, .value_span = @3};
                                   if (!text_int(p, @3, INT64_MIN, INT64_MAX, $1, &$$->integer)) YYABORT; }
      | id ':' STRING            { $$ = NEW(p->arena, TextHeader);
                                   *$$ = (TextHeader){$1, $3, 0, NULL, HEADER_STRING, @1, @3}; }
      | id ':' '[' opt_pairs ']' { $$ = NEW(p->arena, TextHeader);
                                   *$$ = (TextHeader){$1, NULL, 0, $4, HEADER_PAIRS, @1, @3}; } ;

opt_pairs: %empty                { $$ = LIST(TextPairs); }
         | pairs ;
pairs: pair                      { $$ = LIST(TextPairs); PUSH($$, $1); }
     | pairs ',' pair            { $$ = $1; PUSH($$, $3); } ;
pair: STRING ':' STRING          { $$ = (TextPair){$1, $3, @1, @3}; }
    | STRING ':' INT             { $$ = (TextPair){$1, NULL, @1, @3}; } ;

/* ── Graphs ── */

graph: name graph_tail           { $$ = $2; $$->name = $1; $$->span = @1; } ;
graph_tail: inputs ARROW outputs extra nodes
                                 { $$ = NEW(p->arena, TextGraph);
                                   *$$ = (TextGraph){.inputs = $1, .outputs = $3, .items = $4, .nodes = $5}; } ;
inputs: %empty                   { $$ = NULL; }
      | '(' opt_items ')'        { $$ = $2; } ;
outputs: '(' opt_vis ')'         { $$ = $2; } ;
extra: %empty                    { $$ = NULL; }
     | '<' opt_items '>'         { $$ = $2; } ;

opt_items: %empty                { $$ = NULL; }
         | items ;
items: item                      { $$ = LIST(TextItems); PUSH($$, $1); }
     | items ',' item            { $$ = $1; PUSH($$, $3); } ;
item: vi
    | type name '=' opt_data     { $$ = (TextItem){$1, $2, $4, @2}; } ;

opt_vis: %empty                  { $$ = NULL; }
       | vis ;
vis: vi                          { $$ = LIST(TextItems); PUSH($$, $1); }
   | vis ',' vi                  { $$ = $1; PUSH($$, $3); } ;
vi: bare                         { $$ = (TextItem){NULL, $1, NULL, @1}; }
  | type name                    { $$ = (TextItem){$1, $2, NULL, @2}; } ;

/* ── Types and data ── */

type: tensor_type                { $$ = $1; $$->span = @1; p->type = $$; }
    | SEQ '(' type ')'           { $$ = $3; $$->composite = $1; $$->span = @$; p->type = $$; }
    | MAP '(' PRIM ',' type ')'  { $$ = $5; $$->composite = $1; $$->span = @$; p->type = $$; }
    | SPARSE '(' tensor_type ')' { $$ = $3; $$->composite = $1; $$->span = @$; p->type = $$; }
    | OPAQUE '(' opaque ')'      { $$ = NEW(p->arena, TextType); $$->composite = $1; $$->span = @$; p->type = $$; } ;
opaque: %empty | dotted { (void)$1; } | dotted ',' id { (void)$1; (void)$3; } ;
tensor_type: PRIM                { $$ = NEW(p->arena, TextType); $$->type.dtype = dtype_from_name($1); }
    | PRIM '[' ']'               { $$ = NEW(p->arena, TextType); $$->type.dtype = dtype_from_name($1);
                                   $$->type.shape.rank = -1; }
    | shaped ;
shaped: PRIM '[' dims ']'        { $$ = $3; $$->type.dtype = dtype_from_name($1); } ;
dims: dim                        { $$ = NEW(p->arena, TextType); text_type_dim(p, $$, $1, @1); }
    | dims ',' dim               { $$ = $1; text_type_dim(p, $$, $3, @3); } ;
dim: '?'                         { $$ = (Dim){-1, NULL}; }
   | name                        { $$ = (Dim){-1, $1}; }
   | INT                         { $$ = (Dim){0, NULL};
                                   text_int(p, @1, 0, INT64_MAX, "dimension", &$$.size); } ;

opt_data: %empty                 { $$ = text_data_none(p, @$); }
        | data ;
data: brace '}'                  { $$ = text_data_end(p, @$); }
    | brace consts '}'           { $$ = text_data_end(p, @$); }
    | '[' pairs ']'              { $$ = text_data_external(p, $2, @$); } ;
brace: '{'                       { text_data_begin(p, @1); } ;
consts: const | consts ',' const ;
const: INT                       { text_data_add(p, VALUE_INT, NULL, @1); }
     | FLOAT                     { text_data_add(p, VALUE_FLOAT, NULL, @1); }
     | INFNAN                    { text_data_add(p, VALUE_FLOAT, $1, @1); }
     | STRING                    { text_data_add(p, VALUE_STRING, $1, @1); } ;

/* ── Nodes ── */

nodes: '{' node_list '}'         { $$ = $2; } ;
node_list: %empty                { $$ = LIST(TextNodes); }
         | node_list node        { $$ = $1; PUSH($$, $2); } ;
node: label slots '=' op attrs '(' slots ')'
                                 { $$ = (TextNode){$1, $2, $7, $4, $5, @$}; }
    | label slots '=' op '(' slots ')'
                                 { $$ = (TextNode){$1, $2, $6, $4, NULL, @$}; }
    | label slots '=' op '(' slots ')' attrs
                                 { $$ = (TextNode){$1, $2, $6, $4, $8, @$}; } ;
label: %empty                    { $$ = ""; }
     | '[' opt_name ']'          { $$ = $2; } ;

/* Each comma ends a slot; what follows the last comma is a slot only if something is there. */
slots: slot_prefix
     | slot_prefix name          { $$ = $1; PUSH($$, (TextSlot){*$2 ? $2 : NULL, @2}); } ;
slot_prefix: %empty              { $$ = LIST(TextSlots); }
     | slot_prefix ','           { $$ = $1; PUSH($$, (TextSlot){NULL, @2}); }
     | slot_prefix name ','      { $$ = $1; PUSH($$, (TextSlot){*$2 ? $2 : NULL, @2}); } ;

op: dotted                       { $$ = NEW(p->arena, TextOp); *$$ = (TextOp){"", $1, "", @1}; }
  | dotted ':' id                { $$ = NEW(p->arena, TextOp); *$$ = (TextOp){"", $1, $3, @$}; } ;
dotted: id
      | dotted '.' id            { $$ = arena_printf(p->arena, "%s.%s", $1, $3); } ;

/* ── Attributes ── */

attrs: '<' attr_list '>'         { $$ = $2; } ;
attr_list: attr                  { $$ = LIST(TextAttrs); PUSH($$, *$1); }
         | attr_list ',' attr    { $$ = $1; PUSH($$, *$3); } ;
attr: id '=' value               { TextValues one = {&$3, 1, 1};
                                   $$ = text_attr(p, $1, @1, NULL, @1, &one, false); }
    | id ':' id '=' value        { TextValues one = {&$5, 1, 1};
                                   $$ = text_attr(p, $1, @1, $3, @3, &one, false); }
    | id '=' '[' opt_values ']'  { $$ = text_attr(p, $1, @1, NULL, @1, $4, true); }
    | id ':' id '=' '[' opt_values ']'
                                 { $$ = text_attr(p, $1, @1, $3, @3, $6, true); } ;
opt_values: %empty               { $$ = LIST(TextValues); }
          | values ;
values: value                    { $$ = LIST(TextValues); PUSH($$, $1); }
      | values ',' value         { $$ = $1; PUSH($$, $3); } ;
value: INT                       { $$ = (TextValue){.kind = VALUE_INT, .span = @1}; }
     | FLOAT                     { $$ = (TextValue){.kind = VALUE_FLOAT, .span = @1}; }
     | INFNAN                    { $$ = (TextValue){.kind = VALUE_FLOAT, .span = @1}; }
     | STRING                    { $$ = (TextValue){.kind = VALUE_STRING, .string = $1, .span = @1}; }
     | '@' name                  { $$ = (TextValue){.kind = VALUE_REF, .string = $2, .span = @$}; }
     | type                      { $$ = (TextValue){.kind = VALUE_TYPE, .span = @1}; }
     | tensor                    { $$ = (TextValue){.kind = VALUE_TENSOR, .tensor = $1, .span = @1}; }
     | ID graph_tail             { $$ = (TextValue){.kind = VALUE_GRAPH, .graph = $2, .span = @1};
                                   $2->name = $1; $2->span = @1; } ;

/* The tensor's own name says nothing. It may be quoted, and external data may follow a shape directly: onnx
 * prints both, though it reads neither. */
tensor: type brace '}'           { $$ = text_data_end(p, @$); (void)$1; }
      | type brace consts '}'    { $$ = text_data_end(p, @$); (void)$1; }
      | type '=' data            { $$ = $3; (void)$1; }
      | shaped { p->type = $1; $1->span = @1; } '[' pairs ']'
                                 { $$ = text_data_external(p, $4, @$); }
      | type name opt_data       { $$ = $3; (void)$1; (void)$2; }
      | type name '=' opt_data   { $$ = $4; (void)$1; (void)$2; } ;

/* ── Functions ── */

function: headers name params outputs ARROW outputs extra nodes
                                 { $$ = (TextFunction){$1, $3, NEW(p->arena, TextGraph)};
                                   *$$.graph = (TextGraph){$2, $4, $6, $7, $8, @2}; } ;
params: %empty                   { $$ = NULL; }
      | '<' param_list '>'       { $$ = $2; } ;
param_list: param                { $$ = LIST(TextAttrs); PUSH($$, *$1); }
      | param_list ',' param     { $$ = $1; PUSH($$, *$3); } ;
param: id                        { $$ = NEW(p->arena, TextAttr); $$->attr.name = $1; $$->attr.span = @1; }
     | attr ;

/* ── Names: no word is reserved ── */

id: ID | PRIM | SEQ | MAP | SPARSE | OPAQUE | INFNAN ;
bare: ID | INFNAN | STRING ;
name: id | STRING ;
opt_name: %empty { $$ = ""; } | name ;

%%

static void text_yyerror(Span *span, TextParser *p, void *scanner, const char *message)
{
    (void)scanner;
    diag_error(p->diag, *span, "%s", message); /* only "memory exhausted": the grammar's stack is full */
}

/* What a reader would call the symbols that may come next: the words of types and of floats are names, too. */
static int expected_words(const yypcontext_t *context, const char **words)
{
    yysymbol_kind_t kinds[YYNTOKENS];
    bool can[YYNTOKENS] = {false};
    int n = yypcontext_expected_tokens(context, kinds, YYNTOKENS), count = 0;
    for (int i = 0; i < n; i++)
        can[kinds[i]] = true;
    bool names = can[YYSYMBOL_ID];
    if (names && can[YYSYMBOL_INT] && can[YYSYMBOL_FLOAT])
        words[count++] = "a value";
    else if (names)
        words[count++] = can[YYSYMBOL_STRING] ? "a name" : "an identifier";
    else if (can[YYSYMBOL_STRING])
        words[count++] = "a string";
    if (!names && can[YYSYMBOL_SEQ])
        words[count++] = "a type";
    else if (!names && can[YYSYMBOL_PRIM])
        words[count++] = "an element type";
    if (can[YYSYMBOL_INT] && !(names && can[YYSYMBOL_FLOAT]))
        words[count++] = can[YYSYMBOL_FLOAT] ? "a number" : "an integer";
    for (int i = 0; i < n; i++)
        if (kinds[i] == YYSYMBOL_YYEOF || kinds[i] > YYSYMBOL_FLOAT)
            words[count++] = yysymbol_name(kinds[i]);
    return count;
}

static int yyreport_syntax_error(const yypcontext_t *context, TextParser *p, void *scanner)
{
    (void)scanner;
    const char *words[YYNTOKENS + 4];
    int n = expected_words(context, words);
    Span span = *yypcontext_location(context);
    StrBuf sb = {.arena = p->arena};
    for (int i = 0; i < n; i++)
        sb_printf(&sb, "%s%s", i == 0 ? "" : i == n - 1 ? " or " : ", ", words[i]);
    int64_t width = span.end - span.begin;
    if (yypcontext_token(context) == YYSYMBOL_YYEOF)
        diag_error(p->diag, span, "expected %s, found the end of the file", sb.text);
    else if (width > 40)
        diag_error(p->diag, span, "expected %s, found %.*s…", sb.text, 20, p->source->text + span.begin);
    else
        diag_error(p->diag, span, "expected %s, found %.*s", sb.text, (int)width, p->source->text + span.begin);
    return 0;
}
