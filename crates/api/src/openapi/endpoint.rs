//! An endpoint: what routes a request and what documents it, in one place, so that neither exists without the other.

use actix_web::{FromRequest, Handler, Responder, Route, guard, http::Method, web};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    http::problem::ProblemKind,
    openapi::schema::{Components, add},
};

/// How operations are grouped in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Accounts and sessions.
    Accounts,
    /// Goals.
    Goals,
    /// Plans.
    Plans,
    /// Check-ins.
    CheckIns,
    /// Craving events.
    CravingEvents,
    /// Use events.
    UseEvents,
    /// Support contacts.
    SupportContacts,
    /// Medications and doses.
    Medications,
    /// Practice, thoughts, meetings, commitments, self-efficacy.
    Practice,
    /// Appointments, referrals and transitions.
    Care,
    /// The private journal.
    Journal,
    /// Help now.
    Support,
    /// What the record tells.
    Insights,
    /// Offline first.
    Sync,
    /// Questionnaires.
    Questionnaires,
    /// Meetings.
    Meetings,
    /// Reference data.
    Reference,
    /// Operations.
    Operations,
}

impl Tag {
    /// Every tag, in the order of the document, with its name and description.
    pub const ALL: [(Self, &'static str, &'static str); 18] = [
        (Self::Accounts, "accounts", "Accounts, sessions and tokens."),
        (
            Self::Goals,
            "goals",
            "What a person wants to change; at most one active goal a substance.",
        ),
        (
            Self::Plans,
            "plans",
            "Relapse-prevention and safety plans, in immutable numbered versions.",
        ),
        (
            Self::CheckIns,
            "check-ins",
            "Short self-reports in the morning, in the evening, at any moment, or once a week.",
        ),
        (
            Self::CravingEvents,
            "craving-events",
            "Cravings from onset to end, with what was tried; the answer already carries help.",
        ),
        (
            Self::UseEvents,
            "use-events",
            "Days of use: data, never a failing. They erase nothing.",
        ),
        (
            Self::SupportContacts,
            "support-contacts",
            "The people to reach when it gets hard.",
        ),
        (
            Self::Medications,
            "medications",
            "Medication for recovery: schedules, doses, what is due.",
        ),
        (
            Self::Practice,
            "practice",
            "What a person does for recovery: practice sessions, thought records, meetings, commitments, self-efficacy.",
        ),
        (
            Self::Care,
            "care",
            "Care navigation: appointments, referrals, and transitions with their follow-ups.",
        ),
        (
            Self::Journal,
            "journal",
            "The private journal: no consent covers it, and nobody else ever reads it.",
        ),
        (
            Self::Support,
            "support",
            "What helps now: strategies, people, helplines.",
        ),
        (
            Self::Insights,
            "insights",
            "What the record tells the person: computed from it at the time of asking, and explained.",
        ),
        (
            Self::Sync,
            "sync",
            "Push and pull in one round trip, for apps that work offline.",
        ),
        (
            Self::Questionnaires,
            "questionnaires",
            "Questionnaires that the operator may use, a person's answers, and scores over time.",
        ),
        (
            Self::Meetings,
            "meetings",
            "Mutual-help meetings of any programme, from the operator's feeds.",
        ),
        (
            Self::Reference,
            "reference",
            "The strategy library and helplines.",
        ),
        (
            Self::Operations,
            "operations",
            "Health, keys and the documentation itself.",
        ),
    ];

    /// Its name in the document.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(tag, ..)| *tag == self)
            .map_or("operations", |(_, name, _)| name)
    }
}

/// Makes a schema, adding what it refers to.
pub type SchemaOf = Box<dyn Fn(&mut Components) -> Value>;

/// Makes an example. It is asked for when the document is made: a server that starts has no use for it.
pub type ExampleOf = Box<dyn Fn() -> Value>;

/// A parameter of an operation.
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// `path`, `query` or `header`.
    pub place: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// What it is.
    pub description: &'static str,
    /// Its schema.
    pub schema: Value,
    /// A value for the example.
    pub example: Value,
}

impl Parameter {
    /// A parameter of the query, which may be left out.
    pub fn query(name: &'static str, description: &'static str, schema: Value, example: Value) -> Self {
        Self {
            name,
            place: "query",
            required: false,
            description,
            schema,
            example,
        }
    }
}

/// A body that an operation takes.
pub struct RequestBody {
    /// Its schema.
    pub schema: SchemaOf,
    /// An example.
    pub example: ExampleOf,
}

/// An answer that an operation gives.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// When it is given.
    pub description: &'static str,
    /// Its media type, if it has a body.
    pub media_type: Option<&'static str>,
    /// Its schema, if it has a body.
    pub schema: Option<SchemaOf>,
    /// An example.
    pub example: Option<ExampleOf>,
    /// Headers of its own: `ETag`, `Location`, `Idempotent-Replayed`.
    pub headers: Vec<&'static str>,
}

/// What routes and documents one operation.
pub struct Endpoint {
    /// The path, with `{name}` for what varies.
    pub path: String,
    /// The method.
    pub method: Method,
    route: Route,
    /// The name of the operation for generated clients.
    pub id: String,
    /// Its group.
    pub tag: Tag,
    /// What it does, in a few words.
    pub summary: String,
    /// What else to know.
    pub description: String,
    /// Whether it needs no sign-in.
    pub public: bool,
    /// Whether it stays out of the document.
    pub hidden: bool,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// The body that it takes.
    pub body: Option<RequestBody>,
    /// The answers that it gives.
    pub answers: Vec<Answer>,
    /// The problems that it can have, besides those of every operation.
    pub problems: Vec<ProblemKind>,
    /// Schemas that its parameters refer to and no body has.
    pub named: Vec<SchemaOf>,
}

impl Endpoint {
    fn new<F, Args>(method: Method, path: impl Into<String>, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        // HEAD is GET without the body (RFC 9110, section 9.3.2).
        let route = if method == Method::GET {
            web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
        } else {
            web::method(method.clone())
        };
        Self {
            path: path.into(),
            method,
            route: route.to(handler),
            id: String::new(),
            tag: Tag::Operations,
            summary: String::new(),
            description: String::new(),
            public: false,
            hidden: false,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: Vec::new(),
            named: Vec::new(),
        }
    }

    /// Names and describes the operation.
    #[must_use]
    pub fn operation(mut self, tag: Tag, id: impl Into<String>, summary: impl Into<String>) -> Self {
        self.tag = tag;
        self.id = id.into();
        self.summary = summary.into();
        self
    }

    /// What else to know.
    #[must_use]
    pub fn about(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Needs no sign-in.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Stays out of the document.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self.public = true;
        self
    }

    /// Has a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Takes a body of a type.
    #[must_use]
    pub fn takes<T: ToSchema>(self, example: impl Fn() -> Value + 'static) -> Self {
        self.takes_schema(Box::new(|components| add::<T>(components)), example)
    }

    /// Takes a body of a schema.
    #[must_use]
    pub fn takes_schema(mut self, schema: SchemaOf, example: impl Fn() -> Value + 'static) -> Self {
        self.body = Some(RequestBody {
            schema,
            example: Box::new(example),
        });
        self
    }

    /// Gives an answer of a type.
    #[must_use]
    pub fn gives<T: ToSchema>(
        self,
        status: u16,
        description: &'static str,
        example: impl Fn() -> Value + 'static,
    ) -> Self {
        self.gives_schema(
            status,
            description,
            Box::new(|components| add::<T>(components)),
            example,
        )
    }

    /// Gives an answer of a schema.
    #[must_use]
    pub fn gives_schema(
        mut self,
        status: u16,
        description: &'static str,
        schema: SchemaOf,
        example: impl Fn() -> Value + 'static,
    ) -> Self {
        self.answers.push(Answer {
            status,
            description,
            media_type: Some("application/json"),
            schema: Some(schema),
            example: Some(Box::new(example)),
            headers: Vec::new(),
        });
        self
    }

    /// Gives an answer of another media type.
    #[must_use]
    pub fn gives_media(
        mut self,
        status: u16,
        description: &'static str,
        media_type: &'static str,
        example: impl Fn() -> Value + 'static,
    ) -> Self {
        let schema: SchemaOf = Box::new(|_| serde_json::json!({ "type": "string", "maxLength": 1_000_000 }));
        self.answers.push(Answer {
            status,
            description,
            media_type: Some(media_type),
            schema: Some(schema),
            example: Some(Box::new(example)),
            headers: Vec::new(),
        });
        self
    }

    /// Gives an answer without a body.
    #[must_use]
    pub fn gives_nothing(mut self, status: u16, description: &'static str) -> Self {
        self.answers.push(Answer {
            status,
            description,
            media_type: None,
            schema: None,
            example: None,
            headers: Vec::new(),
        });
        self
    }

    /// The answer named last has these headers.
    #[must_use]
    pub fn with_headers(mut self, headers: &[&'static str]) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.extend_from_slice(headers);
        }
        self
    }

    /// Refers to a schema that no body has.
    #[must_use]
    pub fn naming(mut self, schema: SchemaOf) -> Self {
        self.named.push(schema);
        self
    }

    /// Can have these problems, besides those of every operation.
    #[must_use]
    pub fn problems(mut self, problems: &[ProblemKind]) -> Self {
        self.problems.extend_from_slice(problems);
        self
    }

    /// Whether a repeated request gets its first answer again.
    pub fn takes_idempotency_key(&self) -> bool {
        self.method == Method::POST
    }

    /// The route.
    pub fn into_route(self) -> Route {
        self.route
    }
}

/// The value of `Allow` for the endpoints of one path.
pub fn allow(endpoints: &[Endpoint]) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for endpoint in endpoints {
        methods.push(endpoint.method.as_str());
        if endpoint.method == Method::GET {
            methods.push("HEAD");
        }
    }
    methods.join(", ")
}

/// Declares a function for each method.
macro_rules! methods {
    ($($name:ident $method:ident $doc:literal;)*) => {
        $(#[doc = $doc]
        pub fn $name<F, Args>(path: impl Into<String>, handler: F) -> Endpoint
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            Endpoint::new(Method::$method, path, handler)
        })*
    };
}

methods! {
    get GET "An endpoint that reads.";
    post POST "An endpoint that makes something, or does something.";
    put PUT "An endpoint that replaces.";
    delete DELETE "An endpoint that deletes.";
}
