# The images, from one file: `--target operator` and `--target postgres`, and in place of the latter
# `--target postgres-extensions`, which has what would make it twice as large: PostGIS.
#
# Build secrets, all optional (`docker build --secret id=NAME,src=FILE`), leave no trace in the image:
#   ca    the certificate authorities that pip trusts, where a proxy has its own
#   pip   a pip.conf
#   apt   an apt.conf
#
# Build arguments, all optional: BASE, SOURCE_DATE_EPOCH (seconds since 1970: the day that the system's users were
# made; without it two builds differ), POSTGRESQL_SOURCE, POSTGRESQL_MAJORS, and which packages of extensions are
# installed for each major that has them: POSTGRESQL_EXTENSIONS in both, MORE_EXTENSIONS in the larger one.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS python
ARG SOURCE_DATE_EPOCH
COPY deploy/images/dpkg.cfg /etc/dpkg/dpkg.cfg.d/keddah
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99secret \
    apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
    && find / -xdev -type f -perm /6000 -exec chmod a-s '{}' +
ENV LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# Python environments are made here and copied, so that no image has pip.
FROM python AS venv
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99secret \
    apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-venv \
    && python3 -m venv /opt/pip

# Byte code that is never checked against its source: python starts with half the system calls.
FROM venv AS patroni
COPY requirements/patroni.txt /tmp/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /opt/patroni \
    && /opt/pip/bin/pip --python /opt/patroni/bin/python install \
        --no-cache-dir --no-compile --only-binary :all: --no-binary ydiff --require-hashes -r /tmp/patroni.txt \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/patroni/lib

FROM venv AS packages
COPY requirements/operator.txt /tmp/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /opt/keddah \
    && /opt/pip/bin/pip --python /opt/keddah/bin/python install \
        --no-cache-dir --no-compile --only-binary :all: --require-hashes -r /tmp/operator.txt \
    && find /opt/keddah -type d -name tests -prune -exec rm -r {} + \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/keddah/lib


FROM python AS postgres
# Where PostgreSQL and pgBackRest come from. Empty: 17 from Debian, the others from Debian's unstable, at the
# address that the base image has its packages from. Else a line of an apt source (with [trusted=yes], or
# signed-by a key that the base image has), and the majors to take from it.
ARG POSTGRESQL_SOURCE=""
ARG POSTGRESQL_MAJORS="17 18"
# The end of the names of Debian's packages, such as postgresql-17-pgvector.
ARG POSTGRESQL_EXTENSIONS="cron hypopg partman pgaudit pgvector repack"
ARG SOURCE_DATE_EPOCH
# By the second one's name the server knows the exporter, which runs as that user alone.
RUN groupadd --gid 999 postgres \
    && useradd --uid 999 --gid 999 --no-create-home --home-dir /var/lib/postgresql --shell /bin/sh postgres \
    && groupadd --gid 998 keddah_exporter \
    && useradd --uid 998 --gid 998 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin keddah_exporter
# The key that ssl-cert makes would be the same in every container. Links to its certificate are named by that one's hash.
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99secret \
    set -eu; export DEBIAN_FRONTEND=noninteractive; \
    install="apt-get install -qy --no-install-recommends"; \
    newest=; \
    if [ -z "$POSTGRESQL_SOURCE" ]; then \
        mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
            | sed -nE 's/^(URIs:|deb)( +\[[^]]*\])? +(http[^ ]+).*/\3/p' | head -n 1); \
        POSTGRESQL_SOURCE="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main"; \
        newest="-t sid"; \
        printf 'Package: *\nPin: release n=sid\nPin-Priority: 100\n' > /etc/apt/preferences.d/postgresql; \
    fi; \
    echo "$POSTGRESQL_SOURCE" > /etc/apt/sources.list.d/postgresql.list; \
    apt-get -q update; \
    mkdir /etc/postgresql-common; \
    echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf; \
    $install tini tzdata-legacy; \
    for major in $POSTGRESQL_MAJORS; do \
        if $install --simulate "postgresql-$major" > /dev/null 2>&1; then \
            $install "postgresql-$major"; \
        else \
            $install -t sid "postgresql-$major" systemd-standalone-tmpfiles; \
        fi; \
        for extension in $POSTGRESQL_EXTENSIONS; do \
            package="postgresql-$major-$extension"; \
            if apt-cache show "$package" > /dev/null 2>&1; then \
                if $install --simulate "$package" > /dev/null 2>&1; then \
                    $install "$package"; \
                else \
                    $install $newest "$package"; \
                fi; \
            fi; \
        done; \
    done; \
    $install $newest pgbackrest; \
    dpkg --compare-versions "$(dpkg-query --show --showformat '${Version}' pgbackrest)" ge 2.60 \
        || { echo "pgBackRest: 2.60 or newer is needed, which refuses to restore bad pages" >&2; exit 1; }; \
    dpkg -L "postgresql-client-$major" | grep /bin/ | xargs -I '{}' ln -s '{}' /usr/local/bin/; \
    localedef -i en_US -f UTF-8 en_US.UTF-8; \
    find /etc/ssl/certs -lname ssl-cert-snakeoil.pem -delete; \
    rm -rf /etc/postgresql /etc/pgbackrest.conf /etc/ssl/private/* /etc/ssl/certs/ssl-cert-snakeoil.pem /run/postgresql \
        /usr/share/i18n /usr/share/postgresql/*/man /var/cache/* /var/lib/apt/lists/* /var/lib/postgresql /var/log/*; \
    install -d -o postgres -g postgres -m 0755 /var/lib/postgresql; \
    install -d -o postgres -g postgres -m 0775 /run/postgresql
COPY --from=patroni /opt/patroni /opt/patroni
COPY deploy/images/postgres/post-bootstrap.sql /usr/share/keddah/
COPY deploy/images/postgres/keddah-patroni deploy/images/postgres/keddah-post-bootstrap \
    deploy/images/postgres/keddah-backup deploy/images/postgres/keddah-exporter deploy/images/postgres/keddah-log /usr/local/bin/
COPY deploy/images/postgres/answers deploy/images/postgres/archive deploy/images/postgres/fetch /usr/lib/keddah/pgbackrest/
COPY deploy/images/patroni /opt/keddah-patroni/keddah_patroni
COPY deploy/images/backup /opt/keddah-patroni/keddah_backup
COPY deploy/images/exporter /opt/keddah-patroni/keddah_exporter
COPY deploy/images/log /opt/keddah-patroni/keddah_log
# What pods and the controller tell each other is one package for both.
COPY controller/__init__.py controller/sessions.py /opt/keddah-patroni/controller/
COPY controller/protocol /opt/keddah-patroni/controller/protocol
COPY controller/desired/__init__.py /opt/keddah-patroni/controller/desired/
COPY controller/desired/exporter /opt/keddah-patroni/controller/desired/exporter
# As all log lines are.
COPY schemas/__init__.py schemas/formatter.py schemas/records.py /opt/keddah-patroni/schemas/
RUN install -d /etc/pgbackrest && ln -s /run/keddah-backup/pgbackrest.conf /etc/pgbackrest/ \
    && install -d -o postgres -g postgres -m 0750 /run/keddah-backup
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/keddah-patroni
COPY deploy/images/postgres/write-catalogue /tmp/
RUN sh /tmp/write-catalogue && rm /tmp/write-catalogue
# Patroni 4.1 asks urllib3 for members without an address, which warns at every start.
ENV PATH=/opt/patroni/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONWARNINGS=ignore::FutureWarning:urllib3._request_methods
LABEL org.opencontainers.image.title="keddah-postgres" \
    org.opencontainers.image.description="PostgreSQL, Patroni and pgBackRest, run by keddah" \
    org.opencontainers.image.licenses="Apache-2.0 AND PostgreSQL AND MIT"
WORKDIR /var/lib/postgresql
USER 999:999
EXPOSE 5432 8008
# Patroni would be its own init, but then a Patroni that crashed would end its container with exit code 0.
ENTRYPOINT ["tini", "--", "keddah-log"]
CMD ["keddah-patroni", "/etc/patroni/patroni.yml"]


# All of them at once, for they share libraries: those of a newer major may be too new for the older's packages alone.
FROM postgres AS postgres-extensions
ARG POSTGRESQL_MAJORS="17 18"
ARG MORE_EXTENSIONS="postgis-3 postgis-tiger-geocoder address-standardizer"
ARG SOURCE_DATE_EPOCH
USER 0:0
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99secret \
    set -eu; export DEBIAN_FRONTEND=noninteractive; \
    install="apt-get install -qy --no-install-recommends"; \
    apt-get -q update; \
    packages=; \
    for major in $POSTGRESQL_MAJORS; do \
        for extension in $MORE_EXTENSIONS; do \
            package="postgresql-$major-$extension"; \
            if apt-cache show "$package" > /dev/null 2>&1; then packages="$packages $package"; fi; \
        done; \
    done; \
    if $install --simulate $packages > /dev/null 2>&1; then \
        $install $packages; \
    else \
        $install -t sid $packages; \
    fi; \
    rm -rf /usr/share/postgresql/*/contrib /var/cache/* /var/lib/apt/lists/* /var/log/*; \
    find / -xdev -type f -perm /6000 -exec chmod a-s '{}' +
COPY deploy/images/postgres/write-catalogue /tmp/
RUN sh /tmp/write-catalogue && rm /tmp/write-catalogue
LABEL org.opencontainers.image.title="keddah-postgres-extensions" \
    org.opencontainers.image.description="PostgreSQL with PostGIS, Patroni and pgBackRest, run by keddah" \
    org.opencontainers.image.licenses="Apache-2.0 AND PostgreSQL AND MIT AND GPL-2.0-or-later"
USER 999:999


FROM python AS operator
COPY --from=packages /opt/keddah /opt/keddah
COPY schemas /opt/keddah/app/schemas
COPY webhooks /opt/keddah/app/webhooks
COPY controller /opt/keddah/app/controller
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/keddah/app
ENV PATH=/opt/keddah/bin:/usr/bin:/bin
LABEL org.opencontainers.image.title="keddah-operator" \
    org.opencontainers.image.description="keddah's admission server and controller" \
    org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /opt/keddah/app
USER 65532:65532
CMD ["python", "-c", "print('Give a command: python -m webhooks, or python -m controller')"]
